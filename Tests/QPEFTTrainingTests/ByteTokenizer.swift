import Foundation

/// A tokenizer of single bytes, for models that have none: token 3 + b is the byte b, below them three special ones.
enum ByteTokenizer {
  /// Copies a tiny model into `directory` and puts the tokenizer beside it.
  static func model(_ name: String, of folder: String = "tiny-llama", in directory: String) throws -> String {
    let path = directory + "/" + name.replacing("/", with: "-")
    try FileManager.default.copyItem(atPath: Fixture.path(folder + "/" + name), toPath: path)
    let config = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path + "/config.json")))
    let size = (config as? [String: Any])?["vocab_size"] as? Int ?? 0
    var vocabulary: [String: Int] = ["<pad>": 0, "<s>": 1, "</s>": 2]
    for (index, letter) in letters.prefix(size - 3).enumerated() { vocabulary[letter] = index + 3 }
    let bytes: [String: Any] = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true]
    let tokenizer: [String: Any] = [
      "pre_tokenizer": bytes, "decoder": bytes,
      "added_tokens": [["id": 2, "content": "</s>", "special": true]],
      "model": ["type": "BPE", "vocab": vocabulary, "merges": [String]()],
    ]
    try JSONSerialization.data(withJSONObject: tokenizer).write(to: URL(fileURLWithPath: path + "/tokenizer.json"))
    return path
  }

  /// The letters that byte-level tokenizers write bytes as, printable ones first.
  private static var letters: [String] {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0...255).filter { !printable.contains($0) }
    return (printable + Array(256..<(256 + others.count))).compactMap {
      UnicodeScalar($0).map { String(Character($0)) }
    }
  }
}
