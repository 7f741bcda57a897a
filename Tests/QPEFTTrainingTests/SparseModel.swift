import Foundation
import QPEFT

/// A model of one block of zeros in a file of holes: as large as one likes, and next to nothing on the disk.
enum SparseModel {
  /// Writes the directory, with a tokenizer of bytes. Everything is float16.
  static func make(at path: String, hidden: Int, inner: Int, vocabulary: Int) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let config: [String: Any] = [
      "architectures": ["LlamaForCausalLM"], "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": 1,
      "num_attention_heads": 8, "vocab_size": vocabulary, "max_position_embeddings": 64, "torch_dtype": "float16",
      "tie_word_embeddings": true,
    ]
    try JSONSerialization.data(withJSONObject: config).write(to: URL(fileURLWithPath: path + "/config.json"))
    var plans = [("embed_tokens", [vocabulary, hidden]), ("norm", [hidden])].map { ("model.\($0).weight", $1) }
    for (name, shape) in [
      ("self_attn.q_proj", [hidden, hidden]), ("self_attn.k_proj", [hidden, hidden]),
      ("self_attn.v_proj", [hidden, hidden]), ("self_attn.o_proj", [hidden, hidden]),
      ("mlp.gate_proj", [inner, hidden]), ("mlp.up_proj", [inner, hidden]), ("mlp.down_proj", [hidden, inner]),
      ("input_layernorm", [hidden]), ("post_attention_layernorm", [hidden]),
    ] { plans.append(("model.layers.0.\(name).weight", shape)) }
    let writer = try SafetensorsWriter(
      path: path + "/model.safetensors", tensors: plans.map { .init(name: $0, type: .f16, shape: $1) })
    for (name, shape) in plans {
      try [UInt8(0), 0x3C].withUnsafeBytes { try writer.write(name, $0, at: 2 * shape.reduce(1, *) - 2) }
    }
    try writer.finish()
    let folder = try TemporaryDirectory()
    let tokenizer = try ByteTokenizer.model("tied-f32", in: folder.path)
    try FileManager.default.copyItem(atPath: tokenizer + "/tokenizer.json", toPath: path + "/tokenizer.json")
  }
}
