internal import QPEFTJSON
/// Writes a Hugging Face tokenizer from the tokenizer metadata of a GGUF file (byte-level BPE).
struct GGUFTokenizer {
  /// ggml's types of tokens that matter here.
  private enum Kind: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// `tokenizer.json` and `tokenizer_config.json`.
  let tokenizer: [UInt8]
  let configuration: JSONObject

  /// Reads the metadata of `gguf`.
  init(_ gguf: GGUFFile) throws(GGUFError) {
    let path = gguf.path
    let model = try gguf.string("tokenizer.ggml.model")
    guard model == "gpt2" else {
      throw .unsupportedTokenizer(file: path, tokenizer: "model \(model)", supported: ["gpt2 (byte-level BPE)"])
    }
    let name = try gguf.string("tokenizer.ggml.pre")
    guard let split = GGUFPreTokenizer(name) else {
      throw .unsupportedTokenizer(file: path, tokenizer: name, supported: GGUFPreTokenizer.names)
    }
    let tokens = try Self.strings(gguf, "tokenizer.ggml.tokens")
    let merges = try Self.strings(gguf, "tokenizer.ggml.merges")
    let kinds = try Self.kinds(gguf, count: tokens.count)
    func token(_ key: String) throws(GGUFError) -> (id: Int, text: String)? {
      guard let id = try gguf.optionalInteger("tokenizer.ggml.\(key)_token_id") else { return nil }
      guard tokens.indices.contains(id) else {
        throw .metadata(file: path, key: "tokenizer.ggml.\(key)_token_id", problem: "\(id) is not in the vocabulary")
      }
      return (id, tokens[id])
    }
    let bos = try token("bos")
    let addsBOS = gguf.metadata["tokenizer.ggml.add_bos_token"]?.bool ?? split.addsBOS
    tokenizer = Self.json(tokens, kinds, merges, split: split, bos: addsBOS ? bos : nil)

    var configuration: JSONObject = [
      "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
      "model_max_length": .integer(try gguf.integer("llama.context_length")),
    ]
    for (key, source) in [("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")] {
      if let text = try token(source)?.text { configuration["\(key)_token"] = .string(text) }
    }
    if let template = try gguf.optionalString("tokenizer.chat_template") {
      configuration["chat_template"] = .string(template)
    }
    self.configuration = configuration
  }

  private static func strings(_ gguf: GGUFFile, _ key: String) throws(GGUFError) -> [String] {
    var strings: [String] = []
    for value in try gguf.list(key) {
      guard let string = value.string else {
        throw .metadata(file: gguf.path, key: key, problem: "entry \(strings.count) is not UTF-8 text")
      }
      strings.append(string)
    }
    return strings
  }

  private static func kinds(_ gguf: GGUFFile, count: Int) throws(GGUFError) -> [Kind] {
    let key = "tokenizer.ggml.token_type"
    guard gguf.metadata[key] != nil else { return Array(repeating: .normal, count: count) }
    let kinds = try gguf.list(key).map { $0.integer.flatMap(Kind.init) ?? .normal }
    guard kinds.count == count else {
      throw .metadata(file: gguf.path, key: key, problem: "has \(kinds.count) entries for \(count) tokens")
    }
    return kinds
  }

  /// The text of `tokenizer.json`, written in one go because a vocabulary is long and its order matters.
  private static func json(
    _ tokens: [String], _ kinds: [Kind], _ merges: [String], split: GGUFPreTokenizer, bos: (id: Int, text: String)?
  ) -> [UInt8] {
    func text(_ node: JSONValue) -> [UInt8] { node.bytes(.compact, keepsUnicode: true) }
    var added: [JSONValue] = []
    for (id, kind) in kinds.enumerated() where kind == .control || kind == .userDefined {
      added.append([
        "id": .integer(id), "content": .string(tokens[id]), "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": .bool(kind == .control),
      ])
    }
    var json = Array(#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":"#.utf8)
    json += text(.array(added)) + Array(#","normalizer":"#.utf8) + text(split.normalizer)
    json += Array(#","pre_tokenizer":"#.utf8) + text(split.steps)
    json += Array(#","post_processor":"#.utf8) + text(postProcessor(bos))
    json += Array(
      (#","decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"#
        + #""model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"#
        + #""end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":"#
        + "\(split.ignoresMerges)" + #","vocab":{"#).utf8)
    var isFirst = true
    for (id, token) in tokens.enumerated() where kinds[id] != .unused {
      if !isFirst { json.append(UInt8(ascii: ",")) }
      isFirst = false
      json += text(.string(token)) + Array(":\(id)".utf8)
    }
    json += Array(#"},"merges":["#.utf8)
    for (index, merge) in merges.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json += text(.string(merge))
    }
    return json + Array("]}}\n".utf8)
  }

  /// Puts the first token before a text, where the model asks for it.
  private static func postProcessor(_ bos: (id: Int, text: String)?) -> JSONValue {
    let bytes: JSONValue = ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true]
    guard let bos else { return .null }
    let special: JSONValue = ["SpecialToken": ["id": .string(bos.text), "type_id": 0]]
    func sequence(_ id: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(id), "type_id": .integer(type)]]
    }
    var tokens: JSONObject = [:]
    tokens[bos.text] = ["id": .string(bos.text), "ids": [.integer(bos.id)], "tokens": [.string(bos.text)]]
    let template: JSONValue = [
      "type": "TemplateProcessing", "single": [special, sequence("A", 0)],
      "pair": [special, sequence("A", 0), special, sequence("B", 1)], "special_tokens": .object(tokens),
    ]
    return ["type": "Sequence", "processors": [bytes, template]]
  }
}
