/// Types of numbers in a GGUF file that are decoded. Raw values are ggml's.
public enum GGUFType: UInt32, Hashable, Sendable, CaseIterable {
  /// Plain numbers.
  case f32 = 0
  case f16 = 1
  case bf16 = 30
  /// Blocks of 32 numbers.
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  /// Blocks of 256 numbers.
  case q4_k = 12
  case q5_k = 13
  case q6_k = 14

  /// ggml's name, for example `Q4_K`.
  public var name: String { "\(self)".uppercased() }

  /// Numbers of a block.
  public var blockCount: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
    case .q4_k, .q5_k, .q6_k: 256
    }
  }

  /// Bytes of a block.
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    }
  }

  /// Names of ggml types that are not decoded, for errors.
  static func name(of code: UInt32) -> String {
    let names: [UInt32: String] = [
      9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
      20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
      29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]
    return names[code] ?? "number \(code)"
  }
}
