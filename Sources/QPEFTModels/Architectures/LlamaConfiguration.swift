public import QPEFTLayers

/// The part of `config.json` that a Llama model is built from; the keys are transformers'.
public struct LlamaConfiguration: Hashable, Sendable, Decodable {
  /// `vocab_size`, `hidden_size`, `intermediate_size`, `num_hidden_layers`.
  public let vocabularySize, hiddenSize, intermediateSize, blockCount: Int
  /// `num_attention_heads`, `num_key_value_heads`, `head_dim`.
  public let heads, keyValueHeads, head: Int
  /// `max_position_embeddings`.
  public let maximumPositions: Int
  /// `rms_norm_eps`, `rope_theta`.
  public let normEpsilon, ropeTheta: Float
  /// `rope_scaling` or `rope_parameters`.
  public let ropeScaling: RotaryEmbedding.Scaling
  /// `attention_bias`, `mlp_bias`, `tie_word_embeddings`.
  public let hasAttentionBias, hasMLPBias, tiesHead: Bool

  private enum Key: String, CodingKey {
    case vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_key_value_heads,
      head_dim
    case max_position_embeddings, rms_norm_eps, rope_theta, rope_scaling, rope_parameters, hidden_act
    case attention_bias, mlp_bias, tie_word_embeddings
  }

  /// `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5).
  private struct Rope: Decodable {
    var rope_type, type: String?
    var rope_theta, factor, low_freq_factor, high_freq_factor: Float?
    var original_max_position_embeddings: Int?

    var isEmpty: Bool { rope_type == nil && type == nil && rope_theta == nil && factor == nil }
  }

  /// Reads the keys of `config.json`; throws `ModelError` naming a key that is missing or makes no sense.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    func size(_ key: Key, default fallback: Int? = nil) throws -> Int {
      let value: Int?
      do { value = try values.decodeIfPresent(Int.self, forKey: key) } catch {
        throw ModelError.configuration(key: key.rawValue, problem: "is not a whole number")
      }
      guard let value = value ?? fallback else {
        throw ModelError.configuration(key: key.rawValue, problem: "is missing")
      }
      guard (1...(1 << 24)).contains(value) else {
        throw ModelError.configuration(key: key.rawValue, problem: "\(value) is out of range")
      }
      return value
    }
    func flag(_ key: Key) throws -> Bool {
      do { return try values.decodeIfPresent(Bool.self, forKey: key) ?? false } catch {
        throw ModelError.configuration(key: key.rawValue, problem: "is not true or false")
      }
    }
    func number(_ key: Key, default fallback: Float) throws -> Float {
      do { return try values.decodeIfPresent(Float.self, forKey: key) ?? fallback } catch {
        throw ModelError.configuration(key: key.rawValue, problem: "is not a number")
      }
    }
    vocabularySize = try size(.vocab_size)
    hiddenSize = try size(.hidden_size)
    intermediateSize = try size(.intermediate_size)
    blockCount = try size(.num_hidden_layers)
    heads = try size(.num_attention_heads)
    keyValueHeads = try size(.num_key_value_heads, default: heads)
    head = try size(.head_dim, default: max(1, hiddenSize / heads))
    maximumPositions = try size(.max_position_embeddings, default: 2048)
    normEpsilon = try number(.rms_norm_eps, default: 1e-6)
    guard normEpsilon >= 0 else {
      throw ModelError.configuration(key: "rms_norm_eps", problem: "\(normEpsilon) is negative")
    }
    hasAttentionBias = try flag(.attention_bias)
    hasMLPBias = try flag(.mlp_bias)
    tiesHead = try flag(.tie_word_embeddings)

    guard heads % keyValueHeads == 0 else {
      throw ModelError.configuration(
        key: "num_key_value_heads", problem: "\(keyValueHeads) does not divide \(heads) heads")
    }
    guard head % 2 == 0, head <= 1024 else {
      throw ModelError.configuration(key: "head_dim", problem: "\(head) is not an even number up to 1024")
    }
    let activation: String
    do { activation = try values.decodeIfPresent(String.self, forKey: .hidden_act) ?? "silu" } catch {
      throw ModelError.configuration(key: "hidden_act", problem: "is not a string")
    }
    guard activation == "silu" else {
      throw ModelError.configuration(key: "hidden_act", problem: "\(activation) is not supported, only silu")
    }

    let rope: Rope?
    do {
      let scaling = try values.decodeIfPresent(Rope.self, forKey: .rope_scaling)
      let isGiven = scaling.map { !$0.isEmpty } ?? false
      rope = isGiven ? scaling : try values.decodeIfPresent(Rope.self, forKey: .rope_parameters)
    } catch {
      throw ModelError.configuration(key: "rope_scaling", problem: "is not an object of numbers")
    }
    // The one among the parameters comes first, as in transformers.
    ropeTheta = try rope?.rope_theta ?? number(.rope_theta, default: 10_000)
    guard ropeTheta > 0 else {
      throw ModelError.configuration(key: "rope_theta", problem: "\(ropeTheta) is not positive")
    }
    ropeScaling = try Self.scaling(rope, maximumPositions: maximumPositions)
  }

  private static func scaling(_ rope: Rope?, maximumPositions: Int) throws -> RotaryEmbedding.Scaling {
    guard let rope, let kind = rope.rope_type ?? rope.type, kind != "default" else { return .none }
    func required(_ value: Float?, _ key: String) throws -> Float {
      guard let value, value > 0, value.isFinite else {
        throw ModelError.configuration(key: "rope_scaling.\(key)", problem: "is missing or not a positive number")
      }
      return value
    }
    let factor = try required(rope.factor, "factor")
    switch kind {
    case "linear": return .linear(factor: factor)
    case "llama3":
      return .llama3(
        factor: factor, lowFrequency: try required(rope.low_freq_factor, "low_freq_factor"),
        highFrequency: try required(rope.high_freq_factor, "high_freq_factor"),
        originalContext: Float(rope.original_max_position_embeddings ?? maximumPositions))
    default: throw ModelError.unsupportedRopeScaling(kind)
    }
  }
}
