/// What an export wrote, in numbers.
public struct GGUFExportReport: Codable, Hashable, Sendable {
  /// One tensor of the file.
  public struct Tensor: Codable, Hashable, Sendable {
    /// Name as llama.cpp has it, and ggml's name of the type.
    public let name, type: String
    /// Extents, outermost first.
    public let shape: [Int]
    /// Bytes in the file.
    public let bytes: Int
    /// Root of the sum of squared errors, over the root of the sum of squares.
    public let relativeError: Double
    /// The type that was asked for, where the tensor's rows are not whole blocks of it; nil where it has that type.
    public let wantedType: String?
  }

  /// The file.
  public let output: String
  /// How matrices are stored.
  public let storage: GGUFStorage
  /// All tensors.
  public let tensors: [Tensor]
  /// Bytes of the file.
  public let bytes: Int
  /// Duration in seconds.
  public let seconds: Double

  /// Tensors that could not have the type that was asked for.
  public var fallbacks: [Tensor] { tensors.filter { $0.wantedType != nil } }
}
