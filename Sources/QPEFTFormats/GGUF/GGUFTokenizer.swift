package import QPEFTJSON
internal import QPEFTText

/// Writes a Hugging Face tokenizer from the tokenizer metadata of a GGUF file.
package struct GGUFTokenizer {
  /// ggml's types of tokens: those of SentencePiece.
  private typealias Kind = SentencePieceVocabulary.Piece.Kind

  /// `tokenizer.json` and `tokenizer_config.json`.
  package let tokenizer: [UInt8]
  package let configuration: JSONObject

  /// Reads the metadata of `gguf`.
  package init(_ gguf: GGUFFile) throws(GGUFError) {
    let path = gguf.path
    let model = try gguf.string("tokenizer.ggml.model")
    let tokens = try Self.strings(gguf, "tokenizer.ggml.tokens")
    let kinds = try Self.kinds(gguf, count: tokens.count)
    func token(_ key: String) throws(GGUFError) -> TokenizerParts.Token? {
      guard let id = try gguf.optionalInteger("tokenizer.ggml.\(key)_token_id") else { return nil }
      guard tokens.indices.contains(id) else {
        throw .metadata(file: path, key: "tokenizer.ggml.\(key)_token_id", problem: "\(id) is not in the vocabulary")
      }
      return TokenizerParts.Token(id: id, text: tokens[id])
    }
    /// A token that stands around every text, if the metadata or the kind of vocabulary say so.
    func around(_ key: String, byDefault: Bool) throws(GGUFError) -> TokenizerParts.Token? {
      gguf.metadata["tokenizer.ggml.add_\(key)_token"]?.bool ?? byDefault ? try token(key) : nil
    }
    switch model {
    case "gpt2":
      let name = try gguf.string("tokenizer.ggml.pre")
      guard let split = GGUFPreTokenizer(name) else {
        throw .unsupportedTokenizer(file: path, tokenizer: name, supported: GGUFPreTokenizer.names)
      }
      let merges = try Self.strings(gguf, "tokenizer.ggml.merges")
      let (bos, eos) = (try around("bos", byDefault: split.addsBOS), try around("eos", byDefault: false))
      tokenizer = Self.json(tokens, kinds, merges, split: split, before: bos, behind: eos)
    case "llama", "t5":
      let isUnigram = model == "t5"
      let scores = try Self.scores(gguf, count: tokens.count)
      var vocabulary = SentencePieceVocabulary(
        isUnigram ? .unigram : .bytePair,
        pieces: tokens.indices.map { .init(text: tokens[$0], score: scores[$0], kind: kinds[$0]) },
        unknownID: try token("unknown")?.id ?? kinds.firstIndex(of: .unknown))
      vocabulary.addsSpacePrefix = gguf.metadata["tokenizer.ggml.add_space_prefix"]?.bool ?? true
      vocabulary.removesExtraSpaces = gguf.metadata["tokenizer.ggml.remove_extra_whitespaces"]?.bool ?? isUnigram
      vocabulary.characterMap = try Self.characterMap(gguf)
      vocabulary.before = try around("bos", byDefault: !isUnigram)
      vocabulary.behind = try around("eos", byDefault: isUnigram)
      tokenizer = vocabulary.tokenizerJSON()
    default:
      throw .unsupportedTokenizer(
        file: path, tokenizer: "model \(model)",
        supported: ["gpt2 (byte-level BPE)", "llama (SentencePiece BPE)", "t5 (SentencePiece unigram)"])
    }

    var configuration: JSONObject = [
      "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
    ]
    if let context = try gguf.optionalInteger("\(try gguf.string("general.architecture")).context_length") {
      configuration["model_max_length"] = .integer(context)
    }
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
    _ tokens: [String], _ kinds: [Kind], _ merges: [String], split: GGUFPreTokenizer, before: TokenizerParts.Token?,
    behind: TokenizerParts.Token?
  ) -> [UInt8] {
    func text(_ node: JSONValue) -> [UInt8] { node.bytes(.compact, keepsUnicode: true) }
    var added: [JSONValue] = []
    for (id, kind) in kinds.enumerated() where kind == .control || kind == .userDefined {
      added.append(TokenizerParts.addedToken(id, tokens[id], isSpecial: kind == .control))
    }
    var json = Array(#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":"#.utf8)
    json += text(.array(added)) + Array(#","normalizer":"#.utf8) + text(split.normalizer)
    json += Array(#","pre_tokenizer":"#.utf8) + text(split.steps)
    json += Array(#","post_processor":"#.utf8) + text(TokenizerParts.aroundText(before: before, behind: behind))
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

  /// The scores of SentencePiece's pieces; a file without them has all alike.
  private static func scores(_ gguf: GGUFFile, count: Int) throws(GGUFError) -> [Float] {
    let key = "tokenizer.ggml.scores"
    guard gguf.metadata[key] != nil else { return Array(repeating: 0, count: count) }
    let scores = try gguf.list(key).map { Float($0.number ?? .nan) }
    guard scores.count == count else {
      throw .metadata(file: gguf.path, key: key, problem: "has \(scores.count) entries for \(count) tokens")
    }
    guard scores.allSatisfy(\.isFinite) else {
      throw .metadata(file: gguf.path, key: key, problem: "holds something that is no finite number")
    }
    return scores
  }

  /// SentencePiece's character map: bytes, signed or not.
  private static func characterMap(_ gguf: GGUFFile) throws(GGUFError) -> [UInt8] {
    let key = "tokenizer.ggml.precompiled_charsmap"
    guard let value = gguf.metadata[key] else { return [] }
    if case .bytes(let bytes) = value { return bytes }
    return try gguf.list(key).map { value throws(GGUFError) in
      guard let number = value.integer, (-128...255).contains(number) else {
        throw .metadata(file: gguf.path, key: key, problem: "holds something that is no byte")
      }
      return UInt8(truncatingIfNeeded: number)
    }
  }
}
