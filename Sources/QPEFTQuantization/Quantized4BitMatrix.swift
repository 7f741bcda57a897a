public import QPEFTKernels
public import QPEFTTensor

/// A frozen matrix of 4-bit codes in bitsandbytes' layout, computed with where it lies: in a mapped file or in memory.
public struct Quantized4BitMatrix: ViewedMatrix {
  /// Where the scales of the blocks lie.
  package enum Scales {
    /// One float for each block.
    case plain(UnsafeBufferPointer<Float>)
    /// `map[codes[b]] * absmax[b / block] + offset`.
    case nested(
      codes: UnsafeBufferPointer<UInt8>, map: UnsafeBufferPointer<Float>, absmax: UnsafeBufferPointer<Float>,
      block: Int, offset: Float)
  }

  /// The matrix as the kernels see it.
  public let view: MatrixView
  /// How it is stored.
  public let scheme: QuantizationScheme
  /// Keeps codes and scales alive.
  public let owner: any AnyObject & Sendable

  /// A matrix over memory that `owner` keeps alive and nobody writes. Counts must fit (else it traps): codes
  /// `(rows * columns + 1) / 2` bytes, 16 levels, one scale for each block, 256 entries of the nested map.
  package init(
    codes: UnsafeRawBufferPointer, levels: UnsafeBufferPointer<Float>, scales: Scales, scheme: QuantizationScheme,
    rows: Int, columns: Int, owner: any AnyObject & Sendable
  ) {
    switch scales {
    case .plain(let absmax):
      view = MatrixView(
        codes: codes, levels: levels, absmax: absmax, block: scheme.blockSize, rows: rows, columns: columns)
    case .nested(let scaleCodes, let map, let absmax, let block, let offset):
      view = MatrixView(
        codes: codes, levels: levels, absmaxCodes: scaleCodes, nestedMap: map, nestedAbsmax: absmax,
        nestedBlock: block, offset: offset, block: scheme.blockSize, rows: rows, columns: columns)
    }
    self.scheme = scheme
    self.owner = owner
  }

  /// A matrix that `weights` [rows, columns] quantize to, in memory.
  /// - Throws: `QuantizationError` for a scheme that cannot be.
  public init(quantizing weights: Tensor, _ scheme: QuantizationScheme = QuantizationScheme()) throws(QuantizationError)
  {
    precondition(weights.shape.rank == 2, "a matrix has two dimensions, not \(weights.shape)")
    try scheme.validate()
    let blocks = weights.withElements {
      QuantizedBlocks(quantizing: UnsafeRawBufferPointer($0), type: .f32, count: $0.count, scheme: scheme)
    }
    self.init(blocks, rows: weights.shape[0], columns: weights.shape[1], scheme: scheme)
  }

  /// A matrix of quantized blocks in memory.
  package init(_ blocks: QuantizedBlocks, rows: Int, columns: Int, scheme: QuantizationScheme) {
    func own<Element>(_ array: [Element]) -> OwnedBytes { array.withUnsafeBytes { OwnedBytes(copying: $0) } }
    let codes = own(blocks.codes)
    let levels = own(Kernels.levels(scheme.format.kind))
    var owners = [codes, levels]
    let scales: Scales
    if scheme.quantizesScales {
      let nested = NestedScales(quantizing: blocks.absmax)
      let parts = [own(nested.codes), own(Kernels.dynamicMap), own(nested.absmax)]
      owners += parts
      scales = .nested(
        codes: parts[0].bytes.bindMemory(to: UInt8.self), map: parts[1].bytes.bindMemory(to: Float.self),
        absmax: parts[2].bytes.bindMemory(to: Float.self), block: QuantizationScheme.nestedBlockSize,
        offset: nested.offset)
    } else {
      let absmax = own(blocks.absmax)
      owners.append(absmax)
      scales = .plain(absmax.bytes.bindMemory(to: Float.self))
    }
    self.init(
      codes: codes.bytes, levels: levels.bytes.bindMemory(to: Float.self), scales: scales, scheme: scheme, rows: rows,
      columns: columns, owner: Owners(owners))
  }

  /// Bytes on disk of codes and scales.
  public var byteCount: Int { scheme.byteCount(rows * columns) }
  /// `nf4` or `fp4`.
  public var storageName: String { scheme.format.rawValue }

  /// The numbers that the codes stand for: [rows, columns]. For tests and merging; products never need it.
  public func decoded() -> Tensor {
    var tensor = Tensor(uninitialized: [rows, columns])
    tensor.withMutableElements { Kernels.decode($0, view, first: 0) }
    return tensor
  }
}
