internal import Foundation
internal import QPEFTJSON

/// A Llama of Hugging Face told in GGUF's words: names of tensors, order of rows, metadata.
struct GGUFLlamaExport {
  let blocks, heads, keyValueHeads, head: Int
  /// Whether the embedding is the head.
  let tiesHead: Bool
  let vocabularySize: Int
  /// All of `llama.`, and factors of frequencies where rotation is scaled as Llama 3's.
  private(set) var metadata: [(key: String, value: GGUFWriter.Value)] = []
  private(set) var ropeFactors: [Float]?

  /// Reads `config.json`.
  init(_ config: JSONObject) throws(GGUFExportError) {
    let json = JSONValue.object(config)
    let name = json["architectures"]?.array?.first?.string ?? json["model_type"]?.string ?? "(none named)"
    guard name == "LlamaForCausalLM" || name == "llama" else {
      throw .architecture(name, supported: ["LlamaForCausalLM"])
    }
    func integer(_ key: String) throws(GGUFExportError) -> Int {
      guard let value = json[key]?.integer, (1...Int(UInt32.max)).contains(value) else {
        throw .configuration(key: key, problem: "is missing or not a positive whole number")
      }
      return value
    }
    func optional(_ key: String) throws(GGUFExportError) -> Int? { json[key] == nil ? nil : try integer(key) }
    let hidden = try integer("hidden_size")
    blocks = try integer("num_hidden_layers")
    heads = try integer("num_attention_heads")
    keyValueHeads = try optional("num_key_value_heads") ?? heads
    head = try optional("head_dim") ?? (hidden / heads)
    guard head > 0, head % 2 == 0 else { throw .configuration(key: "head_dim", problem: "is not even") }
    vocabularySize = try integer("vocab_size")
    tiesHead = json["tie_word_embeddings"]?.bool ?? false
    let scaling = json["rope_scaling"].flatMap { $0.object?.count == 0 ? nil : $0 }
    let rope = scaling ?? json["rope_parameters"]
    let theta = rope?["rope_theta"]?.number ?? json["rope_theta"]?.number ?? 10_000
    let positions = try integer("max_position_embeddings")
    func count(_ key: String, _ value: Int) { metadata.append(("llama." + key, .unsigned(UInt32(value)))) }
    count("block_count", blocks)
    count("context_length", positions)
    count("embedding_length", hidden)
    count("feed_forward_length", try integer("intermediate_size"))
    count("attention.head_count", heads)
    count("attention.head_count_kv", keyValueHeads)
    count("attention.key_length", head)
    count("attention.value_length", head)
    count("rope.dimension_count", head)
    count("vocab_size", vocabularySize)
    metadata.append(("llama.attention.layer_norm_rms_epsilon", .float(Float(json["rms_norm_eps"]?.number ?? 1e-6))))
    metadata.append(("llama.rope.freq_base", .float(Float(theta))))
    try addScaling(rope, theta: theta, positions: positions)
  }

  private mutating func addScaling(_ rope: JSONValue?, theta: Double, positions: Int) throws(GGUFExportError) {
    guard let rope, let kind = rope["rope_type"]?.string ?? rope["type"]?.string, kind != "default" else { return }
    guard let factor = rope["factor"]?.number, factor > 0 else {
      throw .configuration(key: "rope_scaling", problem: "has no factor")
    }
    switch kind {
    case "linear":
      metadata.append(("llama.rope.scaling.type", .text("linear")))
      metadata.append(("llama.rope.scaling.factor", .float(Float(factor))))
    case "llama3":
      // GGUF has no key for it but a tensor: what each frequency is divided by.
      let low = rope["low_freq_factor"]?.number ?? 1, high = rope["high_freq_factor"]?.number ?? 4
      let context = rope["original_max_position_embeddings"]?.number ?? Double(positions)
      if let trained = UInt32(exactly: context) {
        metadata.append(("llama.rope.scaling.original_context_length", .unsigned(trained)))
      }
      ropeFactors = (0..<(head / 2)).map { pair in
        let wavelength = 2 * Double.pi * pow(theta, Double(2 * pair) / Double(head))
        let smooth = min(1, max(0, (context / wavelength - low) / (high - low)))
        return Float(1 / ((1 - smooth) / factor + smooth))
      }
    default: throw .configuration(key: "rope_scaling", problem: "\(kind) is not exported")
    }
  }

  /// Rows of a head where llama.cpp stores its rows interleaved: those of q and k.
  func interleavedHead(_ name: String) -> Int? { name.contains(".attn_q.") || name.contains(".attn_k.") ? head : nil }

  /// The row of transformers' order that stands at `row` in llama.cpp's; each in heads of `head` rows.
  static func sourceRow(_ row: Int, head: Int) -> Int {
    let (number, inside) = row.quotientAndRemainder(dividingBy: head)
    return number * head + inside % 2 * (head / 2) + inside / 2
  }
}
