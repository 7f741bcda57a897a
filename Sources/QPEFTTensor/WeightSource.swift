/// Frozen weights by name, wherever they lie: a Hugging Face directory, a GGUF file, memory.
public protocol WeightSource: Sendable {
  /// Whether there is a tensor of that name.
  func contains(_ name: String) -> Bool
  /// A matrix of two dimensions, quantized or dense, read in place. Throws where it is missing or not a matrix.
  func frozenMatrix(named name: String) throws -> any FrozenMatrix
  /// A small dense tensor (a norm's weight, a bias) as float32. Throws where it is missing.
  func vector(named name: String) throws -> Tensor
}
