import Foundation
import Testing

/// A model of zeros in a file of holes, larger than what a command may hold.
enum LargeModel {
  static let hidden = 2048, inner = 8192, blocks = 3

  /// Writes the directory and returns the bytes of its weights. The tokenizer is the demo model's.
  static func make(at path: String) throws -> Int {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: "\(DemoModel.source)/\(name)", toPath: "\(path)/\(name)")
    }
    let source = try Data(contentsOf: URL(fileURLWithPath: DemoModel.source + "/config.json"))
    var config = try #require(try JSONSerialization.jsonObject(with: source) as? [String: Any])
    config["head_dim"] = nil
    for (key, value) in [
      "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": blocks, "num_attention_heads": 16,
      "num_key_value_heads": 16,
    ] { config[key] = value }
    try JSONSerialization.data(withJSONObject: config).write(to: URL(fileURLWithPath: path + "/config.json"))
    let vocabulary = try #require(config["vocab_size"] as? Int)
    return try write(tensors(vocabulary), to: path + "/model.safetensors")
  }

  private static func tensors(_ vocabulary: Int) -> [(name: String, shape: [Int])] {
    var tensors = [("model.embed_tokens.weight", [vocabulary, hidden]), ("model.norm.weight", [hidden])]
    for block in 0..<blocks {
      for name in ["q_proj", "k_proj", "v_proj", "o_proj"] {
        tensors.append(("model.layers.\(block).self_attn.\(name).weight", [hidden, hidden]))
      }
      for (name, shape) in [
        ("mlp.gate_proj", [inner, hidden]), ("mlp.up_proj", [inner, hidden]), ("mlp.down_proj", [hidden, inner]),
        ("input_layernorm", [hidden]), ("post_attention_layernorm", [hidden]),
      ] { tensors.append(("model.layers.\(block).\(name).weight", shape)) }
    }
    return tensors
  }

  private static func write(_ tensors: [(name: String, shape: [Int])], to path: String) throws -> Int {
    var header: [String: Any] = [:], end = 0
    for (name, shape) in tensors {
      let start = end
      end += 2 * shape.reduce(1, *)
      header[name] = ["dtype": "BF16", "shape": shape, "data_offsets": [start, end]]
    }
    var bytes = try JSONSerialization.data(withJSONObject: header)
    bytes.append(Data(repeating: UInt8(ascii: " "), count: 7 - (bytes.count + 7) % 8))
    let length = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Data($0) }
    try (length + bytes).write(to: URL(fileURLWithPath: path))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.truncate(atOffset: UInt64(8 + bytes.count + end))
    try file.close()
    return end
  }
}
