public import QPEFTQuantization

/// What a run of the quantizer did, in numbers.
public struct QuantizationReport: Codable, Hashable, Sendable {
  /// One matrix that is now stored in 4 bits.
  public struct Layer: Codable, Hashable, Sendable {
    /// Name of the weight, for example `model.layers.0.mlp.up_proj.weight`.
    public let name: String
    /// Rows (output features) and columns.
    public let shape: [Int]
    /// Bytes in the source.
    public let bytesBefore: Int
    /// Bytes in the result: codes, scales and maps.
    public let bytesAfter: Int
    /// Root of the sum of squared errors, over the root of the sum of squared weights.
    public let relativeError: Double
  }

  /// One tensor that was kept.
  public struct Kept: Codable, Hashable, Sendable {
    /// Name of the tensor.
    public let name: String
    /// Extents, outermost first.
    public let shape: [Int]
    /// Type in the source, for example `BF16` or `Q8_0`.
    public let typeBefore: String
    /// Type in the result.
    public let typeAfter: String
    /// Bytes in the source.
    public let bytesBefore: Int
    /// Bytes in the result.
    public let bytesAfter: Int
    /// What rounding to the type of the result loses, as of a layer; 0 for bytes that are copied.
    public let relativeError: Double
  }

  /// The source as it was given.
  public let source: String
  /// The directory that was written.
  public let output: String
  /// Levels, block size, double quantization.
  public let scheme: QuantizationScheme
  /// Matrices in 4 bits, in the order of the source.
  public let layers: [Layer]
  /// Everything else.
  public let kept: [Kept]
  /// Files of weights written.
  public let shards: [String]
  /// Duration in seconds.
  public let seconds: Double

  /// Number of parameters of the model.
  public let parameterCount: Int
  /// Bytes of all tensors in the source.
  public let bytesBefore: Int
  /// Bytes of all tensors in the result.
  public let bytesAfter: Int
  /// Bits of the result for one parameter.
  public let bitsPerParameter: Double

  init(
    source: String, output: String, scheme: QuantizationScheme, layers: [Layer], kept: [Kept], shards: [String],
    seconds: Double
  ) {
    self.source = source
    self.output = output
    self.scheme = scheme
    self.layers = layers
    self.kept = kept
    self.shards = shards
    self.seconds = seconds
    let shapes = layers.map(\.shape) + kept.map(\.shape)
    parameterCount = shapes.reduce(0) { $0 + $1.reduce(1, *) }
    bytesBefore = (layers.map(\.bytesBefore) + kept.map(\.bytesBefore)).reduce(0, +)
    bytesAfter = (layers.map(\.bytesAfter) + kept.map(\.bytesAfter)).reduce(0, +)
    bitsPerParameter = Double(bytesAfter) * 8 / Double(max(1, parameterCount))
  }

  /// The layers with the largest relative errors, worst first.
  public func worstLayers(_ count: Int) -> [Layer] {
    Array(layers.sorted { $0.relativeError > $1.relativeError }.prefix(count))
  }
}

/// How far a run of the quantizer is.
public struct QuantizationProgress: Hashable, Sendable {
  /// The tensor that is being worked on.
  public let tensor: String
  /// Bytes of the source that are done.
  public let bytesDone: Int
  /// Bytes of the source in all.
  public let bytesTotal: Int
}
