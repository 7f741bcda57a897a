internal import QPEFTKernels
package import QPEFTTensor

/// A tensor of a source checkpoint, under its Hugging Face name, whose numbers can be had row by row.
package struct SourceWeight {
  private enum Content {
    case stored(CheckpointTensor)
    case gguf(GGUFFile, GGUFLlama.Weight)
    case computed(ComputedWeight)
  }

  private let content: Content
  package let name: String
  /// Extents, outermost first.
  package let shape: [Int]
  /// Bytes in the source.
  package let byteCount: Int

  /// A stored tensor.
  package init(_ tensor: CheckpointTensor) {
    content = .stored(tensor)
    name = tensor.name
    shape = tensor.shape
    byteCount = tensor.range.count
  }

  init(_ weight: GGUFLlama.Weight, in gguf: GGUFFile) {
    content = .gguf(gguf, weight)
    name = weight.name
    shape = weight.entry.shape
    byteCount = weight.entry.range.count
  }

  /// A tensor that is computed row by row.
  package init(_ weight: ComputedWeight) {
    content = .computed(weight)
    name = weight.name
    shape = weight.shape
    byteCount = weight.byteCount
  }

  package var columns: Int { shape.last ?? 1 }
  package var rows: Int { shape.dropLast().reduce(1, *) }
  package var count: Int { shape.reduce(1, *) }

  /// Name of the type in the source, for reports.
  var typeName: String {
    switch content {
    case .stored(let tensor): tensor.type.rawValue
    case .gguf(_, let weight): weight.entry.type.name
    case .computed(let weight): weight.typeName
    }
  }

  /// The type of its numbers; nil for integers and for GGUF's blocks.
  package var elementType: ElementType? {
    switch content {
    case .stored(let tensor): tensor.type.elementType
    case .gguf(_, let weight): weight.entry.type.elementType
    case .computed(let weight): weight.type
    }
  }

  /// Whether its numbers can be had as float32.
  package var isDecodable: Bool {
    if case .gguf = content { return true }
    return elementType != nil
  }

  /// The stored bytes, where they are kept as they are (not of GGUF, whose rows may be in another order).
  var storedBytes: (bytes: UnsafeRawBufferPointer, type: SafetensorsType)? {
    guard case .stored(let tensor) = content else { return nil }
    return (tensor.bytes, tensor.type)
  }

  /// Rows as float32: `y` holds exactly their numbers.
  package func decode(_ y: UnsafeMutableBufferPointer<Float>, rows: Range<Int>) {
    switch content {
    case .stored(let tensor):
      guard let element = tensor.type.elementType else { preconditionFailure("\(name) is not of a float type") }
      let width = columns * element.byteWidth
      let bytes = UnsafeRawBufferPointer(
        rebasing: tensor.bytes[(rows.lowerBound * width)..<(rows.upperBound * width)])
      if let address = bytes.baseAddress, Int(bitPattern: address) % element.byteWidth == 0 {
        let view = MatrixView(dense: bytes, storage: element.storage, rows: 1, columns: y.count)
        Kernels.decode(y, view, first: 0)
      } else {
        for index in 0..<y.count { y[index] = Self.number(bytes, index, element) }
      }
    case .gguf(let gguf, let weight):
      Kernels.decode(y, weight.view(in: gguf), first: rows.lowerBound * columns)
    case .computed(let weight): weight.decode(y, rows)
    }
  }

  /// Lets go of the pages of rows that are done with.
  package func release(rows: Range<Int>) {
    switch content {
    case .stored(let tensor): tensor.file.release(rows, of: self.rows, in: tensor.range)
    case .gguf(let gguf, let weight):
      gguf.files[weight.entry.part].release(rows, of: self.rows, in: weight.entry.range)
    case .computed(let weight): weight.release(rows)
    }
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ index: Int, _ type: ElementType) -> Float {
    switch type {
    case .f32: bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
    case .f16: HalfFloat.float(half: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
    case .bf16: HalfFloat.float(bfloat: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
    }
  }
}

extension MappedFile {
  /// Lets go of the pages of some of the `total` rows that a range holds.
  func release(_ rows: Range<Int>, of total: Int, in range: Range<Int>) {
    let width = range.count / max(1, total)
    let start = range.lowerBound + width * rows.lowerBound
    release(start..<min(range.upperBound, start + width * rows.count))
  }
}
