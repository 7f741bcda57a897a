internal import QPEFTKernels
public import QPEFTTensor

/// Types of numbers in a GGUF file that are decoded. Raw values are ggml's.
public enum GGUFType: UInt32, Hashable, Sendable, CaseIterable {
  /// Plain numbers.
  case f32 = 0
  case f16 = 1
  case bf16 = 30
  /// Blocks of 32 numbers under one scale.
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  /// Blocks of 256 numbers with scales of scales.
  case q2_k = 10
  case q3_k = 11
  case q4_k = 12
  case q5_k = 13
  case q6_k = 14
  /// Codes of four bits that name uneven levels: 32 under one scale, 256 with scales of scales, 32 under a power of two.
  case iq4_nl = 20
  case iq4_xs = 23
  case mxfp4 = 39

  /// ggml's name, for example `Q4_K`.
  public var name: String { "\(self)".uppercased() }

  /// The type of plain numbers; nil for blocks.
  public var elementType: ElementType? {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    default: nil
    }
  }

  /// The format of blocks; nil for plain numbers.
  var format: BlockFormat? {
    switch self {
    case .f32, .f16, .bf16: nil
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q5_0: .q5_0
    case .q5_1: .q5_1
    case .q8_0: .q8_0
    case .q2_k: .q2_k
    case .q3_k: .q3_k
    case .q4_k: .q4_k
    case .q5_k: .q5_k
    case .q6_k: .q6_k
    case .iq4_nl: .iq4_nl
    case .iq4_xs: .iq4_xs
    case .mxfp4: .mxfp4
    }
  }

  /// Numbers of a block; 1 for plain numbers.
  public var blockCount: Int { format?.count ?? 1 }
  /// Bytes of a block.
  public var blockBytes: Int { format?.byteCount ?? elementType?.byteWidth ?? 0 }

  /// Names of ggml types that are not decoded, for errors.
  static func name(of code: UInt32) -> String {
    let names: [UInt32: String] = [
      9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
      24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 40: "NVFP4",
    ]
    return names[code] ?? "number \(code)"
  }
}
