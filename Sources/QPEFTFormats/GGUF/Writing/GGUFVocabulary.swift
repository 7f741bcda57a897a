package import QPEFTJSON

/// The metadata of a tokenizer, from the files of a Hugging Face directory: the other direction of `GGUFTokenizer`.
package struct GGUFVocabulary {
  /// ggml's types of tokens.
  enum Kind: Int32 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// All of `tokenizer.`.
  package private(set) var metadata: [(key: String, value: GGUFWriter.Value)] = []
  private var tokens: [String?]
  private var kinds: [Kind]
  /// By bytes: texts that Unicode takes for the same are different tokens.
  private var ids: [[UInt8]: Int] = [:]

  /// Reads `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and `config.json` of a model whose embedding
  /// has `size` rows; those that no token has become unused ones.
  package init(
    tokenizer: JSONValue, settings: JSONValue, generation: JSONValue, config: JSONValue, size: Int, template: String?
  ) throws(GGUFExportError) {
    tokens = Array(repeating: nil, count: size)
    kinds = Array(repeating: .unused, count: size)
    guard let model = tokenizer["model"], model["type"]?.string ?? "BPE" == "BPE",
      let vocabulary = model["vocab"]?.object
    else { throw .tokenizer(problem: "is not of byte pairs (BPE), the only kind that is exported") }
    for (token, value) in vocabulary.members { try add(token, value.integer, .normal) }
    for token in tokenizer["added_tokens"]?.array ?? [] {
      guard let content = token["content"]?.string else { throw .tokenizer(problem: "has an added token without text") }
      try add(content, token["id"]?.integer, token["special"]?.bool == true ? .control : .userDefined)
    }
    let merges = try Self.merges(model)
    let isBytewise = model["byte_fallback"]?.bool == true
    if isBytewise {
      try addSentencePiece(tokenizer, merges)
    } else {
      try addByteLevel(tokenizer, merges)
    }
    addSpecialTokens(tokenizer, settings: settings, generation: generation, config: config)
    if let template { metadata.append(("tokenizer.chat_template", .text(template))) }
  }

  private mutating func add(_ token: String, _ id: Int?, _ kind: Kind) throws(GGUFExportError) {
    guard let id, id >= 0 else { throw .tokenizer(problem: "gives \(JSONValue.quoted(token)) no number") }
    guard id < tokens.count else {
      throw .tokenizer(problem: "has token \(id), but the model has \(tokens.count) rows for tokens")
    }
    tokens[id] = token
    kinds[id] = kind
    ids[Array(token.utf8)] = id
  }

  private func id(of token: String) -> Int? { ids[Array(token.utf8)] }

  /// Merges as `left right`; newer files have pairs.
  private static func merges(_ model: JSONValue) throws(GGUFExportError) -> [(left: String, right: String)] {
    var merges: [(String, String)] = []
    for merge in model["merges"]?.array ?? [] {
      let parts = merge.array?.compactMap(\.string) ?? merge.string.map { Self.halves($0) } ?? []
      guard parts.count == 2 else { throw .tokenizer(problem: "has a merge that is not of two parts") }
      merges.append((parts[0], parts[1]))
    }
    return merges
  }

  private static func halves(_ merge: String) -> [String] {
    merge.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
  }

  /// Tokens, with names for rows that no token has.
  private mutating func addTokens(model: String, pre: String) {
    metadata.append(("tokenizer.ggml.model", .text(model)))
    metadata.append(("tokenizer.ggml.pre", .text(pre)))
    metadata.append(
      (
        "tokenizer.ggml.tokens", .texts(tokens.enumerated().map { Array(($1 ?? "[PAD\($0)]").utf8) })
      ))
  }

  private mutating func addByteLevel(
    _ tokenizer: JSONValue, _ merges: [(left: String, right: String)]
  ) throws(GGUFExportError) {
    let normalizer = tokenizer["normalizer"]?["type"]?.string
    guard normalizer == nil || normalizer == "NFC" else {
      throw .tokenizer(problem: "changes text before it cuts it (\(normalizer ?? "")), which llama.cpp does not")
    }
    let ignoresMerges = tokenizer["model"]?["ignore_merges"]?.bool == true
    guard let pre = GGUFPreTokenizer.name(of: tokenizer["pre_tokenizer"] ?? .null, ignoresMerges: ignoresMerges) else {
      throw .tokenizer(problem: "cuts text by rules that have no known name in llama.cpp")
    }
    addTokens(model: "gpt2", pre: pre)
    metadata.append(("tokenizer.ggml.token_type", .integers(kinds.map(\.rawValue))))
    metadata.append(("tokenizer.ggml.merges", .texts(merges.map { Array("\($0.left) \($0.right)".utf8) })))
  }

  /// llama.cpp joins the two neighbours whose union has the highest score, so a score is minus the rank of the first merge that
  /// makes the token.
  private mutating func addSentencePiece(
    _ tokenizer: JSONValue, _ merges: [(left: String, right: String)]
  ) throws(GGUFExportError) {
    let steps = SentencePieceSteps(tokenizer)
    guard steps.isKnown else {
      throw .tokenizer(problem: "changes text before it cuts it in a way that llama.cpp does not")
    }
    var scores = [Float](repeating: -Float(merges.count + 1), count: tokens.count)
    for (rank, merge) in merges.enumerated().reversed() {
      if let id = id(of: merge.left + merge.right) { scores[id] = -Float(rank) }
    }
    for (id, token) in tokens.enumerated() {
      guard let token else { continue }
      if token.utf8.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">"), kinds[id] == .normal { kinds[id] = .byte }
      if kinds[id] != .normal { scores[id] = 0 }
    }
    if let unknown = tokenizer["model"]?["unk_token"]?.string.flatMap({ id(of: $0) }) { kinds[unknown] = .unknown }
    addTokens(model: "llama", pre: "default")
    metadata.append(("tokenizer.ggml.scores", .floats(scores)))
    metadata.append(("tokenizer.ggml.token_type", .integers(kinds.map(\.rawValue))))
    metadata.append(("tokenizer.ggml.add_space_prefix", .bool(steps.addsSpace)))
  }

  private mutating func addSpecialTokens(
    _ tokenizer: JSONValue, settings: JSONValue, generation: JSONValue, config: JSONValue
  ) {
    func named(_ role: String) -> Int? {
      let value = settings["\(role)_token"]
      return (value?.string ?? value?["content"]?.string).flatMap { id(of: $0) }
    }
    func listed(_ role: String) -> [Int] {
      let value = generation["\(role)_token_id"] ?? config["\(role)_token_id"]
      return (value?.array ?? value.map { [$0] } ?? []).compactMap(\.integer).filter { tokens.indices.contains($0) }
    }
    func set(_ role: String, _ id: Int?) {
      if let id { metadata.append(("tokenizer.ggml.\(role)_token_id", .unsigned(UInt32(id)))) }
    }
    let bos = named("bos") ?? listed("bos").first
    let eos = named("eos") ?? listed("eos").first
    set("bos", bos)
    set("eos", eos)
    // A second end, as of turns, where there is one.
    set("eot", listed("eos").first { $0 != eos })
    set("padding", named("pad") ?? listed("pad").first)
    set("unknown", named("unk"))
    let around = Self.tokensAround(tokenizer["post_processor"])
    let starts = bos.map { around.first == tokens[$0] || settings["add_bos_token"]?.bool == true } ?? false
    let ends = eos.map { around.last == tokens[$0] || settings["add_eos_token"]?.bool == true } ?? false
    metadata.append(("tokenizer.ggml.add_bos_token", .bool(starts)))
    metadata.append(("tokenizer.ggml.add_eos_token", .bool(ends)))
  }

  /// The special tokens that the post-processor puts before and behind a text.
  private static func tokensAround(_ processor: JSONValue?) -> (first: String?, last: String?) {
    let all = processor?["processors"]?.array ?? processor.map { [$0] } ?? []
    guard let template = all.first(where: { $0["type"]?.string == "TemplateProcessing" })?["single"]?.array else {
      return (nil, nil)
    }
    return (template.first?["SpecialToken"]?["id"]?.string, template.last?["SpecialToken"]?["id"]?.string)
  }
}

/// What a tokenizer of sentence pieces does to text first: spaces become `▁`, and one may be put before the text.
private struct SentencePieceSteps {
  private(set) var isKnown = true
  private(set) var addsSpace = false

  init(_ tokenizer: JSONValue) {
    var replaces = false
    for step in Self.flat(tokenizer["normalizer"], "normalizers")
      + Self.flat(tokenizer["pre_tokenizer"], "pretokenizers")
    {
      switch step["type"]?.string {
      case "Prepend" where step["prepend"]?.string == "▁": addsSpace = true
      case "Replace" where step["pattern"]?["String"]?.string == " " && step["content"]?.string == "▁": replaces = true
      case "Metaspace" where step["replacement"]?.string == "▁":
        replaces = true
        addsSpace = (step["prepend_scheme"]?.string ?? "always") != "never" && step["add_prefix_space"]?.bool != false
      default: isKnown = false
      }
    }
    isKnown = isKnown && replaces
  }

  private static func flat(_ step: JSONValue?, _ key: String) -> [JSONValue] {
    guard let step else { return [] }
    return step[key]?.array ?? [step]
  }
}
