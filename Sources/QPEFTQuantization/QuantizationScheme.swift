package import QPEFTKernels

/// How a weight matrix is stored in 4 bits. The defaults are QLoRA's.
public struct QuantizationScheme: Hashable, Codable, Sendable {
  /// The 16 levels that a code stands for.
  public enum Format: String, Codable, Sendable, CaseIterable {
    /// Quantiles of a normal distribution (QLoRA, arXiv:2305.14314).
    case nf4
    /// A float of one sign, two exponent and one mantissa bits.
    case fp4

    package var kind: FourBitKind { self == .nf4 ? .nf4 : .fp4 }
  }

  /// Block sizes that bitsandbytes knows.
  public static let blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]
  /// Scales for one scale of scales, in double quantization.
  public static let nestedBlockSize = 256

  /// The levels.
  public var format: Format
  /// Weights for one scale; one of `blockSizes`.
  public var blockSize: Int
  /// Double quantization: scales are stored in 8 bits.
  public var quantizesScales: Bool

  /// NF4, 64 weights for one scale, scales in 8 bits, unless said otherwise.
  public init(format: Format = .nf4, blockSize: Int = 64, quantizesScales: Bool = true) {
    self.format = format
    self.blockSize = blockSize
    self.quantizesScales = quantizesScales
  }

  /// Throws where the block size is none that bitsandbytes knows.
  public func validate() throws(QuantizationError) {
    guard Self.blockSizes.contains(blockSize) else { throw .blockSize(blockSize) }
  }

  /// Bytes on disk of a matrix of `count` weights: codes and scales, maps not counted.
  public func byteCount(_ count: Int) -> Int {
    let blocks = MatrixView.blocks(count, blockSize)
    let scales =
      quantizesScales ? blocks + 4 * MatrixView.blocks(blocks, Self.nestedBlockSize) : 4 * blocks
    return (count + 1) / 2 + scales
  }
}
