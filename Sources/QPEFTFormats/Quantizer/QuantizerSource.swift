internal import Foundation
internal import QPEFTJSON
internal import QPEFTTensor

/// A checkpoint to quantize, wherever it comes from: weights under Hugging Face names, configuration, other files.
struct QuantizerSource {
  /// A small file of the result beside the weights.
  enum File {
    case copy(path: String)
    case bytes([UInt8])
  }

  let config: JSONObject
  let weights: [SourceWeight]
  let files: [(name: String, content: File)]
  /// torch's name of the type that a 4-bit weight remembers, by weight; GGUF's blocks are decoded to float32.
  func typeName(of weight: SourceWeight) -> String { (weight.elementType ?? .f32).torchName }

  private static let copied = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json",
    "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "tokenizer.model",
  ]

  /// Opens a Hugging Face directory or a `.gguf` file.
  init(path: String) throws {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
      try self.init(gguf: GGUFFile(path: path))
    } else {
      try self.init(directory: HuggingFaceDirectory(path: path))
    }
  }

  private init(directory: HuggingFaceDirectory) throws {
    let states = directory.tensorNames.contains { $0.contains(".quant_state.") }
    if states || directory.config["quantization_config"] != nil {
      throw QuantizerError.alreadyQuantized(
        source: directory.path,
        method: directory.config["quantization_config"]?["quant_method"]?.string ?? "bitsandbytes")
    }
    config = directory.config.object ?? [:]
    weights = try directory.tensorNames.map { SourceWeight(try directory.tensor(named: $0)) }
    files = Self.copied.compactMap { name in
      let file = directory.path + "/" + name
      return FileManager.default.fileExists(atPath: file) ? (name, .copy(path: file)) : nil
    }
  }

  private init(gguf: GGUFFile) throws {
    let llama = try GGUFLlama(gguf)
    config = llama.config
    weights = llama.weights.map { SourceWeight($0, in: gguf) }
    files = try GGUFTextFiles(gguf).files.map { ($0.name, .bytes($0.bytes)) }
  }

  /// JSON as the libraries write such files.
  static func text(_ members: JSONObject) -> [UInt8] {
    JSONValue.object(members).bytes(.indented(sorted: true)) + [UInt8(ascii: "\n")]
  }
}
