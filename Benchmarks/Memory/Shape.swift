internal import ArgumentParser

/// Sizes of a Llama.
struct Shape {
  var vocabulary, hidden, intermediate, blocks, heads, keyValueHeads: Int
  var tiesHead = false

  /// Shapes by name.
  static let named: [String: Shape] = [
    "smollm2-135m": Shape(
      vocabulary: 49_152, hidden: 576, intermediate: 1536, blocks: 30, heads: 9, keyValueHeads: 3, tiesHead: true),
    "tinyllama-1.1b": Shape(
      vocabulary: 32_000, hidden: 2048, intermediate: 5632, blocks: 22, heads: 32, keyValueHeads: 4),
    "llama2-7b": Shape(
      vocabulary: 32_000, hidden: 4096, intermediate: 11_008, blocks: 32, heads: 32, keyValueHeads: 32),
    "llama2-13b": Shape(
      vocabulary: 32_000, hidden: 5120, intermediate: 13_824, blocks: 40, heads: 40, keyValueHeads: 40),
    "llama-33b": Shape(
      vocabulary: 32_000, hidden: 6656, intermediate: 17_920, blocks: 60, heads: 52, keyValueHeads: 52),
    "llama2-70b": Shape(
      vocabulary: 32_000, hidden: 8192, intermediate: 28_672, blocks: 80, heads: 64, keyValueHeads: 8),
  ]

  /// Linear layers of block `index`: name, output and input features.
  func linears(ofBlock index: Int) -> [(name: String, rows: Int, columns: Int)] {
    let keyWidth = hidden / heads * keyValueHeads
    return [
      ("self_attn.q_proj", hidden, hidden), ("self_attn.k_proj", keyWidth, hidden),
      ("self_attn.v_proj", keyWidth, hidden), ("self_attn.o_proj", hidden, hidden),
      ("mlp.gate_proj", intermediate, hidden), ("mlp.up_proj", intermediate, hidden),
      ("mlp.down_proj", hidden, intermediate),
    ].map { ("model.layers.\(index).\($0.0).weight", $0.1, $0.2) }
  }

  /// `config.json`; of a model in 4 bits as bitsandbytes writes it.
  func configuration(isQuantized: Bool) -> String {
    let quantization = """
      ,
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false, \
      "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true, "bnb_4bit_compute_dtype": "bfloat16", \
      "bnb_4bit_quant_storage": "uint8"}
      """
    return """
      {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "vocab_size": \(vocabulary), "hidden_size": \(hidden), "intermediate_size": \(intermediate),
        "num_hidden_layers": \(blocks), "num_attention_heads": \(heads), "num_key_value_heads": \(keyValueHeads),
        "max_position_embeddings": 8192, "tie_word_embeddings": \(tiesHead), "dtype": "bfloat16"\
      \(isQuantized ? quantization : "")
      }

      """
  }
}

extension ParsableCommand {
  /// The shape of that name.
  func shape(_ name: String) throws -> Shape {
    guard let shape = Shape.named[name] else {
      throw ValidationError("no shape \(name); known: \(Shape.named.keys.sorted().joined(separator: ", "))")
    }
    return shape
  }
}
