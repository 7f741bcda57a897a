internal import QPEFTJSON
extension TokenizerReader {
  private func kind(_ value: JSONValue, _ part: String) throws(TokenizerError) -> String {
    guard let kind = value["type"]?.string else { throw malformed("'\(part)'", "has no type") }
    return kind
  }

  private func list(_ value: JSONValue, _ key: String, _ part: String) throws(TokenizerError) -> [JSONValue] {
    guard let list = value[key]?.array else { throw malformed("'\(part)'", "has no list '\(key)'") }
    return list
  }

  func normalizer(_ value: JSONValue) throws(TokenizerError) -> Normalizer {
    let kind = try kind(value, "normalizer")
    switch kind {
    case "NFC": return .form(.nfc)
    case "NFD": return .form(.nfd)
    case "NFKC": return .form(.nfkc)
    case "NFKD": return .form(.nfkd)
    case "Lowercase": return .lowercase
    case "StripAccents": return .stripAccents
    case "BertNormalizer":
      let lowercases = value["lowercase"]?.bool ?? true
      return .bert(
        BertNormalizer(
          cleansText: value["clean_text"]?.bool ?? true,
          separatesIdeographs: value["handle_chinese_chars"]?.bool ?? true,
          stripsAccents: value["strip_accents"]?.bool ?? lowercases, lowercases: lowercases))
    case "Precompiled":
      let text = value["precompiled_charsmap"]?.string ?? ""
      if text.isEmpty { return .none }
      guard let map = CharacterMap(base64: text) else {
        throw malformed("'normalizer'", "has a 'precompiled_charsmap' that is no character map")
      }
      return .characterMap(map)
    case "Sequence":
      var steps: [Normalizer] = []
      for step in try list(value, "normalizers", "normalizer") { steps.append(try normalizer(step)) }
      return .sequence(steps)
    case "Prepend": return .prepend(Array((value["prepend"]?.string ?? "").utf8))
    case "Replace": return .replace(try pattern(value, "normalizer"), Array((value["content"]?.string ?? "").utf8))
    case "Strip":
      return .strip(left: value["strip_left"]?.bool ?? true, right: value["strip_right"]?.bool ?? true)
    default: throw .unsupported(part: "normalizer", kind: kind)
    }
  }

  /// `{"String": …}` or `{"Regex": …}`.
  private func pattern(_ value: JSONValue, _ part: String) throws(TokenizerError) -> Pattern {
    if let text = value["pattern"]?["String"]?.string { return try Pattern.literal(text) }
    if let regex = value["pattern"]?["Regex"]?.string { return try Pattern(regex) }
    throw malformed("'\(part)'", "has no pattern")
  }

  private func behavior(_ value: JSONValue) throws(TokenizerError) -> PreTokenizer.Behavior {
    let name = value["behavior"]?.string ?? "Isolated"
    guard let behavior = PreTokenizer.Behavior(rawValue: name) else {
      throw .unsupported(part: "split behavior", kind: name)
    }
    return behavior
  }

  func preTokenizer(
    _ value: JSONValue, _ steps: inout [PreTokenizer], _ patterns: inout [Pattern], _ isByteLevel: inout Bool
  ) throws(TokenizerError) {
    let kind = try kind(value, "pre_tokenizer")
    if isByteLevel { throw .unsupported(part: "pre-tokenizer behind ByteLevel", kind: kind) }
    func split(_ pattern: Pattern, _ behavior: PreTokenizer.Behavior, _ isInverted: Bool = false) {
      patterns.append(pattern)
      steps.append(.split(patterns.count - 1, behavior, isInverted: isInverted))
    }
    switch kind {
    case "Sequence":
      for step in try list(value, "pretokenizers", "pre_tokenizer") {
        try preTokenizer(step, &steps, &patterns, &isByteLevel)
      }
    case "ByteLevel":
      if value["add_prefix_space"]?.bool ?? true { steps.append(.prefixSpace) }
      if value["use_regex"]?.bool ?? true { split(try Pattern(Self.gpt2), .isolated) }
      isByteLevel = true
    case "Split":
      split(try pattern(value, "pre_tokenizer"), try behavior(value), value["invert"]?.bool ?? false)
    case "Digits":
      steps.append(.each(.numeric, value["individual_digits"]?.bool ?? false ? .isolated : .contiguous))
    case "Punctuation": steps.append(.each(.punctuation, try behavior(value)))
    case "BertPreTokenizer":
      steps += [.each(.whitespace, .removed), .each(.punctuation, .isolated)]
    case "CharDelimiterSplit":
      guard let delimiter = value["delimiter"]?.string?.unicodeScalars.first else {
        throw malformed("'pre_tokenizer'", "has no delimiter")
      }
      steps.append(.each(.scalar(delimiter.value), .removed))
    case "WhitespaceSplit": steps.append(.each(.whitespace, .removed))
    case "Whitespace":
      split(try Pattern("[\\w\\u200C\\u200D]+|[^\\w\\s\\u200C\\u200D]+"), .removed, true)
    case "Metaspace":
      let replacement = value["replacement"]?.string ?? "\u{2581}"
      let old = value["add_prefix_space"]?.bool.map { $0 ? "always" : "never" }
      let name = value["prepend_scheme"]?.string ?? old ?? "always"
      guard let scheme = PreTokenizer.PrependScheme(rawValue: name) else {
        throw .unsupported(part: "prepend scheme", kind: name)
      }
      steps.append(
        .metaspace(replacement: Array(replacement.utf8), scheme, splits: value["split"]?.bool ?? true))
    default: throw .unsupported(part: "pre-tokenizer", kind: kind)
    }
  }

  /// GPT-2's words: contractions, letters, numbers, the rest, and white space that leaves one space to the next word.
  private static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  func postProcessor(_ value: JSONValue, _ result: inout Tokenizer) throws(TokenizerError) {
    let kind = try kind(value, "post_processor")
    switch kind {
    case "ByteLevel": break  // It only trims offsets.
    case "Sequence":
      for step in try list(value, "processors", "post_processor") { try postProcessor(step, &result) }
    case "TemplateProcessing":
      var before: [Int32] = []
      var after: [Int32] = []
      var isBehind = false
      for piece in try list(value, "single", "post_processor") {
        if piece["Sequence"] != nil { isBehind = true }
        guard let name = piece["SpecialToken"]?["id"]?.string else { continue }
        guard let ids = value["special_tokens"]?[name]?["ids"]?.array else {
          throw malformed("'post_processor'", "names the token '\(name)' and has no ids for it")
        }
        let numbers = ids.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
        if isBehind { after += numbers } else { before += numbers }
      }
      result.prefix = before + result.prefix
      result.suffix += after
    case "BertProcessing", "RobertaProcessing":
      guard let open = value["cls"]?.array?.last?.integer, let close = value["sep"]?.array?.last?.integer,
        let first = Int32(exactly: open), let last = Int32(exactly: close)
      else { throw malformed("'post_processor'", "has no 'cls' or 'sep'") }
      result.prefix.insert(first, at: 0)
      result.suffix.append(last)
    default: throw .unsupported(part: "post-processor", kind: kind)
    }
  }

  func decoder(_ value: JSONValue) throws(TokenizerError) -> [TokenDecoder] {
    let kind = try kind(value, "decoder")
    switch kind {
    case "Sequence":
      var steps: [TokenDecoder] = []
      for step in try list(value, "decoders", "decoder") { steps += try decoder(step) }
      return steps
    case "ByteLevel": return [.byteLevel]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Replace": return [.replace(try pattern(value, "decoder"), Array((value["content"]?.string ?? "").utf8))]
    case "Strip":
      guard let content = value["content"]?.string?.unicodeScalars.first?.value else {
        throw malformed("'decoder'", "strips nothing")
      }
      return [.strip(content: content, start: value["start"]?.integer ?? 0, stop: value["stop"]?.integer ?? 0)]
    case "Metaspace":
      let replacement = value["replacement"]?.string?.unicodeScalars.first?.value ?? 0x2581
      let old = value["add_prefix_space"]?.bool.map { $0 ? "always" : "never" }
      let scheme = value["prepend_scheme"]?.string ?? old ?? "always"
      return [.metaspace(replacement: replacement, dropsFirst: scheme != "never")]
    case "WordPiece":
      return [
        .wordPiece(prefix: value["prefix"]?.string ?? "##", cleansUp: value["cleanup"]?.bool ?? true)
      ]
    case "BPEDecoder": return [.suffix(Array((value["suffix"]?.string ?? "</w>").utf8))]
    default: throw .unsupported(part: "decoder", kind: kind)
    }
  }
}
