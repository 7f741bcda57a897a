internal import QPEFTKernels
internal import QPEFTQuantization
public import QPEFTTensor

/// One stored tensor of a checkpoint and the mapped bytes that hold it.
public struct CheckpointTensor: Sendable {
  /// Name in the checkpoint.
  public let name: String
  /// Type of the numbers.
  public let type: SafetensorsType
  /// Extents, outermost first.
  public let shape: [Int]
  /// The file that it is in.
  public let file: MappedFile
  /// Its bytes in that file.
  public let range: Range<Int>

  package init(_ entry: SafetensorsFile.Entry, in file: MappedFile) {
    name = entry.name
    type = entry.type
    shape = entry.shape
    self.file = file
    range = entry.range
  }

  /// The stored bytes, valid as long as `file` lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: file.bytes[range]) }

  /// Number of elements.
  public var count: Int { range.count / type.byteWidth }

  /// The bytes at a multiple of the number's width, and who keeps them: in place where they lie so.
  func aligned() -> (bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable) {
    let bytes = bytes
    guard let address = bytes.baseAddress, Int(bitPattern: address) % type.byteWidth != 0 else { return (bytes, file) }
    let copy = OwnedBytes(copying: bytes)
    return (copy.bytes, copy)
  }

  /// A dense matrix over the stored numbers, in place where they are aligned.
  func denseMatrix() throws(CheckpointError) -> DenseMatrix {
    guard let element = type.elementType else {
      throw .unsuitable(tensor: name, problem: "its type \(type.rawValue) is not F32, F16 or BF16")
    }
    guard shape.count == 2, shape[0] > 0, shape[1] > 0 else {
      throw .unsuitable(tensor: name, problem: "its shape \(shape) is not that of a matrix")
    }
    let (bytes, owner) = aligned()
    return DenseMatrix(bytes: bytes, elementType: element, rows: shape[0], columns: shape[1], owner: owner)
  }

  /// All numbers as float32, in the tensor's shape.
  public func decoded(in room: Room = .weights) throws(CheckpointError) -> Tensor {
    guard let element = type.elementType else {
      throw .unsuitable(tensor: name, problem: "its type \(type.rawValue) is not F32, F16 or BF16")
    }
    let (bytes, owner) = aligned()
    var tensor = Tensor(uninitialized: Shape(shape), in: room)
    withExtendedLifetime(owner) {
      let view = MatrixView(dense: bytes, storage: element.storage, rows: 1, columns: count)
      tensor.withMutableElements { Kernels.decode($0, view, first: 0) }
    }
    return tensor
  }
}
