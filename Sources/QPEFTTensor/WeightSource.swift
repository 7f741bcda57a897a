/// Frozen weights by name, wherever they lie: a Hugging Face directory, a GGUF file, memory.
public protocol WeightSource: Sendable {
  /// Whether there is a tensor of that name.
  func contains(_ name: String) -> Bool
  /// A matrix of two dimensions, quantized or dense, read in place. Throws where it is missing or not a matrix.
  func frozenMatrix(named name: String) throws -> any FrozenMatrix
  /// A small dense tensor (a norm's weight, a bias) as float32. Throws where it is missing.
  func vector(named name: String) throws -> Tensor
  /// The matrix that a model of this configuration has: `[rows, columns]` unless the file is another model's.
  func frozenMatrix(named name: String, rows: Int, columns: Int) throws -> any FrozenMatrix
  /// The vector of `count` numbers that a model of this configuration has.
  func vector(named name: String, count: Int) throws -> Tensor
}

extension WeightSource {
  /// What is there under that name; whoever asks compares sizes.
  public func frozenMatrix(named name: String, rows: Int, columns: Int) throws -> any FrozenMatrix {
    try frozenMatrix(named: name)
  }

  /// What is there under that name; whoever asks compares sizes.
  public func vector(named name: String, count: Int) throws -> Tensor { try vector(named: name) }
}
