import Foundation
import QPEFTLayers
import QPEFTModels
import QPEFTTensor
import Testing

/// No weights at all: whoever asks is told which one is missing.
private struct NoWeights: WeightSource {
  struct Missing: Error, Equatable {
    let name: String
  }
  func contains(_ name: String) -> Bool { false }
  func frozenMatrix(named name: String) throws -> any FrozenMatrix { throw Missing(name: name) }
  func vector(named name: String) throws -> Tensor { throw Missing(name: name) }
}

@Suite("config.json of a model")
struct ModelConfigurationTests {
  let sizes: [String: Any] = [
    "architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 64, "intermediate_size": 160,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
  ]

  func open(_ changes: [String: Any]) throws -> any LanguageModel {
    let config = try JSONSerialization.data(withJSONObject: sizes.merging(changes) { $1 })
    return try Models.open(config: config, weights: NoWeights())
  }

  func decode(_ changes: [String: Any]) throws -> LlamaConfiguration {
    let config = try JSONSerialization.data(withJSONObject: sizes.merging(changes) { $1 })
    return try JSONDecoder().decode(LlamaConfiguration.self, from: config)
  }

  @Test func `head size, biases and tying may differ from what the other sizes suggest`() throws {
    let plain = try decode([:])
    #expect(plain.head == 16 && !plain.hasAttentionBias && !plain.hasMLPBias && !plain.tiesHead)
    let special = try decode(["head_dim": 24, "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true])
    #expect(special.head == 24 && special.hasAttentionBias && special.hasMLPBias && special.tiesHead)
  }

  @Test func `rope scaling is read in the spelling of transformers 4 and of transformers 5`() throws {
    let old = try decode(["rope_theta": 5e5, "rope_scaling": ["type": "linear", "factor": 4]])
    let new = try decode(["rope_parameters": ["rope_type": "linear", "factor": 4, "rope_theta": 5e5]])
    #expect(old.ropeScaling == .linear(factor: 4) && old.ropeTheta == 500_000)
    #expect(new == old)
    #expect(try decode(["rope_parameters": ["rope_type": "default", "rope_theta": 1e4]]).ropeScaling == .none)
    // What stands in both spellings: the inner base, and parameters rather than an empty scaling.
    let linear: [String: Any] = ["rope_type": "linear", "factor": 4, "rope_theta": 5e5]
    #expect(try decode(["rope_theta": 1e4, "rope_scaling": [String: Any](), "rope_parameters": linear]) == old)
  }

  @Test func `Llama 3's scaling keeps fast pairs, slows slow ones and passes smoothly between`() {
    let plain = RotaryEmbedding(head: 64, theta: 500_000).velocities
    let scaled = RotaryEmbedding(
      head: 64, theta: 500_000,
      scaling: .llama3(factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 8192)
    ).velocities
    #expect(scaled[0] == plain[0])
    #expect(scaled[31] == plain[31] / 8)
    #expect(zip(scaled, plain).allSatisfy { $0 <= $1 && $0 >= $1 / 8 })
    #expect(zip(scaled, plain).contains { $0 < $1 && $0 > $1 / 8 })
  }

  @Test(arguments: [
    #"{"architectures": ["MambaForCausalLM"]}"#, #"{"hidden_size": -4}"#, #"{"hidden_size": "x"}"#,
    #"{"vocab_size": 1099511627776}"#, #"{"num_key_value_heads": 3}"#, #"{"head_dim": 15}"#, #"{"hidden_act": "gelu"}"#,
    #"{"rope_scaling": {"type": "yarn", "factor": 2}}"#, #"{"rope_scaling": {"type": "linear"}}"#,
    #"{"rope_scaling": 7}"#, #"{"attention_bias": "yes"}"#, #"{"architectures": 3}"#,
  ])
  func `that makes no sense is a ModelError`(changes: String) throws {
    let changes = try #require(JSONSerialization.jsonObject(with: Data(changes.utf8)) as? [String: Any])
    #expect(throws: ModelError.self) { try open(changes) }
  }

  @Test func `names the missing weight through whatever holds the weights`() {
    #expect(throws: NoWeights.Missing(name: "model.embed_tokens.weight")) { try open([:]) }
  }
}
