package import QPEFTJSON
internal import QPEFTKernels
internal import QPEFTTensor
/// The llama architecture of GGUF told in Hugging Face's words: names, order of rows, `config.json`.
package struct GGUFLlama {
  /// A tensor under its Hugging Face name.
  struct Weight {
    let name: String
    let entry: GGUFFile.Entry
    /// Rows of a head, where llama.cpp interleaved them; else nil.
    ///
    /// llama.cpp rotates neighbours, transformers the halves of a head: row `half * (size / 2) + i` of a head is
    /// row `2 * i + half` there.
    let interleavedHead: Int?

    /// The tensor as the kernels see it, rows in Hugging Face's order. A list of numbers is a matrix of one column: a
    /// bias has its rows in the order of its weight.
    func view(in gguf: GGUFFile) -> MatrixView {
      guard let head = interleavedHead else { return gguf.view(entry) }
      if entry.shape.count == 1, let storage = entry.type.elementType?.storage {
        return MatrixView(dense: gguf.bytes(entry), storage: storage, rows: entry.columns, columns: 1)
          .interleaved(head: head)
      }
      return gguf.view(entry).interleaved(head: head)
    }
  }

  /// The tensors, in the order of the file; their names are distinct.
  let weights: [Weight]
  /// `config.json` but for the number type.
  package let config: JSONObject

  /// Reads the metadata of `gguf`.
  package init(_ gguf: GGUFFile) throws(GGUFError) {
    let path = gguf.path
    let architecture = try gguf.string("general.architecture")
    guard architecture == "llama" else {
      throw .unsupportedArchitecture(file: path, architecture: architecture, supported: ["llama"])
    }
    guard try (gguf.optionalInteger("llama.expert_count") ?? 0) == 0 else {
      throw .unsupportedFeature(file: path, feature: "a mixture of experts")
    }
    let heads = try gguf.integer("llama.attention.head_count")
    let keyValueHeads = try gguf.optionalInteger("llama.attention.head_count_kv") ?? heads
    let hidden = try gguf.integer("llama.embedding_length")
    guard heads > 0, keyValueHeads > 0, hidden > 0 else {
      throw .metadata(file: path, key: "llama.attention.head_count", problem: "makes no sense")
    }
    let keyLength = try gguf.optionalInteger("llama.attention.key_length")
    let rotated = try gguf.optionalInteger("llama.rope.dimension_count")
    let head = keyLength ?? rotated ?? (hidden / heads)
    guard (1...(1 << 20)).contains(head), heads <= 1 << 20, keyValueHeads <= 1 << 20 else {
      throw .metadata(file: path, key: "llama.attention.key_length", problem: "makes no sense")
    }
    guard rotated ?? head == head else {
      throw .unsupportedFeature(file: path, feature: "a rotation of a part of each head")
    }
    var weights: [Weight] = []
    var names: Set<String> = []
    for entry in gguf.entries where entry.name != "rope_freqs.weight" {
      guard let name = Self.name(entry.name) else {
        throw .unsupportedFeature(file: path, feature: "the tensor \(entry.name)")
      }
      // Two spellings of a block's number would be one name.
      guard names.insert(name).inserted else {
        throw .tensor(file: path, tensor: entry.name, problem: "is \(name) a second time")
      }
      var interleaved: Int?
      if entry.name.contains(".attn_q.") { interleaved = heads }
      if entry.name.contains(".attn_k.") { interleaved = keyValueHeads }
      if let interleaved {
        let isBias = entry.name.hasSuffix(".bias")
        let rows = isBias ? entry.columns : entry.rows
        guard head % 2 == 0, rows == interleaved * head else {
          throw .tensor(file: path, tensor: entry.name, problem: "\(rows) rows are not \(interleaved) heads of \(head)")
        }
        guard entry.shape.count == (isBias ? 1 : 2), !isBias || entry.type.elementType != nil else {
          throw .tensor(
            file: path, tensor: entry.name, problem: "a \(entry.type.name) of shape \(entry.shape) is not read")
        }
      }
      weights.append(Weight(name: name, entry: entry, interleavedHead: interleaved == nil ? nil : head))
    }
    self.weights = weights
    config = try Self.config(gguf, hidden: hidden, heads: heads, keyValueHeads: keyValueHeads, head: head)
  }

  /// Modules of a block, by llama.cpp's name.
  private static let modules = [
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
  ]

  /// llama.cpp's name of a tensor of Hugging Face, if it has one: the other direction of `name`.
  static func ggufName(_ name: String) -> String? {
    for plain in ["token_embd.weight", "output_norm.weight", "output.weight"] where Self.name(plain) == name {
      return plain
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 4, parts[0] == "model", parts[1] == "layers", let end = parts.last else { return nil }
    let module = parts[3..<(parts.count - 1)].joined(separator: ".")
    guard let found = modules.first(where: { $0.value == module })?.key else { return nil }
    let gguf = "blk.\(parts[2]).\(found).\(end)"
    return Self.name(gguf) == name ? gguf : nil
  }

  /// The Hugging Face name of a tensor, if it has one.
  static func name(_ name: String) -> String? {
    switch name {
    case "token_embd.weight": return "model.embed_tokens.weight"
    case "output_norm.weight": return "model.norm.weight"
    case "output.weight": return "lm_head.weight"
    default: break
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "blk", let block = Int(parts[1]), block >= 0 else { return nil }
    guard parts[3] == "weight" || parts[3] == "bias" else { return nil }
    return modules[String(parts[2])].map { "model.layers.\(block).\($0).\(parts[3])" }
  }

  private static func config(
    _ gguf: GGUFFile, hidden: Int, heads: Int, keyValueHeads: Int, head: Int
  ) throws(GGUFError) -> JSONObject {
    guard let embedding = gguf.entry("token_embd.weight") else {
      throw .missingTensor(file: gguf.path, tensor: "token_embd.weight")
    }
    let hasBias = { (name: String) in gguf.entry("blk.0.\(name).bias") != nil }
    var config: JSONObject = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
      "hidden_size": .integer(hidden), "intermediate_size": .integer(try gguf.integer("llama.feed_forward_length")),
      "num_hidden_layers": .integer(try gguf.integer("llama.block_count")), "num_attention_heads": .integer(heads),
      "num_key_value_heads": .integer(keyValueHeads), "head_dim": .integer(head),
      "vocab_size": .integer(embedding.rows),
      "max_position_embeddings": .integer(try gguf.integer("llama.context_length")),
      "rms_norm_eps": .number(try gguf.optionalNumber("llama.attention.layer_norm_rms_epsilon") ?? 1e-6),
      "rope_theta": .number(try gguf.optionalNumber("llama.rope.freq_base") ?? 10_000),
      "tie_word_embeddings": .bool(gguf.entry("output.weight") == nil),
      "attention_bias": .bool(hasBias("attn_q") || hasBias("attn_output")), "mlp_bias": .bool(hasBias("ffn_down")),
      "use_cache": true,
    ]
    for (key, source) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
      if let id = try gguf.optionalInteger("tokenizer.ggml.\(source)_token_id") { config[key] = .integer(id) }
    }
    config["rope_scaling"] = try GGUFRopeScaling.config(gguf, head: head)
    return config
  }

  /// `generation_config.json`: where answers start and end.
  static func generationConfig(_ gguf: GGUFFile) throws(GGUFError) -> JSONObject {
    var config: JSONObject = [:]
    if let bos = try gguf.optionalInteger("tokenizer.ggml.bos_token_id") { config["bos_token_id"] = .integer(bos) }
    var ends: [Int] = []
    for key in ["eos", "eot"] {
      if let id = try gguf.optionalInteger("tokenizer.ggml.\(key)_token_id"), !ends.contains(id) { ends.append(id) }
    }
    if let end = ends.first {
      config["eos_token_id"] = ends.count == 1 ? .integer(end) : .array(ends.map { .integer($0) })
    }
    if let pad = try gguf.optionalInteger("tokenizer.ggml.padding_token_id") { config["pad_token_id"] = .integer(pad) }
    return config
  }
}
