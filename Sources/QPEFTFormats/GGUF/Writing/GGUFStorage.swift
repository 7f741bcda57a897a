/// How the matrices of an exported model are stored.
public enum GGUFStorage: String, Hashable, Sendable, Codable, CaseIterable {
  /// Plain numbers.
  case f32, f16, bf16
  /// Blocks of 32 numbers: eight bits; four bits around zero; four bits above a minimum; four bits on uneven levels.
  case q8_0, q4_0, q4_1, iq4_nl
  /// Blocks of 256 numbers: four bits; six bits.
  case q4_k, q6_k
  /// llama.cpp's mixture of that name: Q4_K, with Q6_K in half of the blocks for values and `ffn_down`.
  case q4_k_m

  /// The type of most matrices.
  var mainType: GGUFType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .iq4_nl: .iq4_nl
    case .q4_k, .q4_k_m: .q4_k
    case .q6_k: .q6_k
    }
  }

  /// llama.cpp's number for a file of this storage, `general.file_type`.
  var fileType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q8_0: 7
    case .q4_k: 14
    case .q4_k_m: 15
    case .q6_k: 18
    case .iq4_nl: 25
    case .bf16: 32
    }
  }

  /// The type that a matrix should have, before its width is looked at. The head, which may be the embedding, gets more bits,
  /// as llama.cpp gives it.
  func wantedType(_ name: String, columns: Int, isHead: Bool, blocks: Int) -> GGUFType {
    let type = mainType
    guard type.elementType == nil else { return type }
    if isHead {
      if columns % type.blockCount != 0 || type == .q8_0 { return .q8_0 }
      return .q6_k
    }
    guard self == .q4_k_m, name.contains(".attn_v.") || name.contains(".ffn_down."),
      let block = name.split(separator: ".").dropFirst().first.flatMap({ Int($0) })
    else { return type }
    let (first, last) = (blocks / 8, 7 * blocks / 8)
    return block < first || block >= last || (block - first) % 3 == 2 ? .q6_k : type
  }

  /// The type that a matrix of that width can have: where rows are not whole blocks, the one that llama.cpp falls back to.
  static func possibleType(_ wanted: GGUFType, columns: Int) -> GGUFType {
    if columns % wanted.blockCount == 0 { return wanted }
    let narrower: GGUFType =
      switch wanted {
      case .q4_k: .q5_0
      case .q6_k: .q8_0
      default: .f16
      }
    return columns % narrower.blockCount == 0 ? narrower : .f16
  }
}
