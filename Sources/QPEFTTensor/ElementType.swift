package import QPEFTKernels

/// Types of numbers in checkpoints that qpeft computes with.
public enum ElementType: String, Hashable, Sendable, Codable, CaseIterable {
  /// IEEE float32, IEEE float16, bfloat16.
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"

  /// Bytes of one number.
  public var byteWidth: Int { self == .f32 ? 4 : 2 }

  /// transformers' and torch's name: `float32`, `float16`, `bfloat16`.
  public var torchName: String {
    switch self {
    case .f32: "float32"
    case .f16: "float16"
    case .bf16: "bfloat16"
    }
  }

  package var storage: MatrixStorage {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    }
  }
}
