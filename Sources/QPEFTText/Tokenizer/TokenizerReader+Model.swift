internal import QPEFTJSON
extension TokenizerReader {
  /// Reads the vocabulary into `texts` and what makes tokens of words.
  func tokenModel(
    _ model: JSONValue, _ texts: inout TokenTexts, isByteLevel: Bool
  ) throws(TokenizerError) -> TokenModel {
    let kind = model["type"]?.string ?? unnamedKind(model)
    if kind != "BPE", isByteLevel { throw .unsupported(part: "model behind ByteLevel", kind: kind) }
    switch kind {
    case "BPE":
      try readVocabulary(model, into: &texts)
      return .bytePair(try bytePairModel(model, texts, isByteLevel ? .bytes : .scalars))
    case "Unigram": return .unigram(try unigramModel(model, &texts))
    case "WordPiece":
      try readVocabulary(model, into: &texts)
      return .wordPiece(wordPieceModel(model, texts))
    default: throw .unsupported(part: "model", kind: kind)
    }
  }

  /// Files of early versions do not name the kind of their model.
  private func unnamedKind(_ model: JSONValue) -> String {
    if model["merges"] != nil { return "BPE" }
    if model["max_input_chars_per_word"] != nil { return "WordPiece" }
    return model["vocab"]?.array == nil ? "unnamed" : "Unigram"
  }

  private func readVocabulary(_ model: JSONValue, into texts: inout TokenTexts) throws(TokenizerError) {
    guard let vocabulary = model["vocab"]?.object else { throw malformed("'model.vocab'", "is not an object") }
    texts = TokenTexts(capacity: vocabulary.members.count + 64)
    for (token, value) in vocabulary.members {
      guard let id = value.integer, id >= 0, id < idLimit else {
        throw malformed("'model.vocab'", "gives '\(token)' no valid id")
      }
      texts.set(Int32(id), token)
    }
  }

  private func unigramModel(_ model: JSONValue, _ texts: inout TokenTexts) throws(TokenizerError) -> UnigramModel {
    guard let vocabulary = model["vocab"]?.array, vocabulary.count < 1 << 24 else {
      throw malformed("'model.vocab'", "is not a list")
    }
    texts = TokenTexts(capacity: vocabulary.count + 64)
    var pieces = ByteTrie(capacity: vocabulary.count * 4)
    var scores: [Double] = []
    for (id, entry) in vocabulary.enumerated() {
      guard let pair = entry.array, pair.count == 2, let piece = pair[0].string, let score = pair[1].number else {
        throw malformed("'model.vocab'", "holds something at \(id) that is no piece with a score")
      }
      texts.set(Int32(id), piece)
      if !piece.isEmpty { pieces.insert(piece.utf8, Int32(id)) }
      scores.append(score)
    }
    var unknown: Int32?
    if let id = model["unk_id"] {
      guard let id = id.integer, vocabulary.indices.contains(id) else {
        throw malformed("'model.unk_id'", "is not in the vocabulary")
      }
      unknown = Int32(id)
    }
    return UnigramModel(
      pieces: pieces, scores: scores, unknownID: unknown,
      byteIDs: model["byte_fallback"]?.bool ?? false ? byteIDs(texts, .scalars) : nil)
  }

  private func wordPieceModel(_ model: JSONValue, _ texts: TokenTexts) -> WordPieceModel {
    var pieces = ByteTrie(capacity: texts.count * 4)
    for id in 0..<Int32(texts.count) {
      if let text = texts.text(of: id), !text.isEmpty { pieces.insert(text, id) }
    }
    return WordPieceModel(
      pieces: pieces, continuingPrefix: model["continuing_subword_prefix"]?.string ?? "##",
      unknownID: texts.id(of: model["unk_token"]?.string ?? "[UNK]"),
      longestWord: model["max_input_chars_per_word"]?.integer ?? 100)
  }

  private func bytePairModel(
    _ model: JSONValue, _ texts: TokenTexts, _ units: BytePairModel.Units
  ) throws(TokenizerError) -> BytePairModel {
    if let dropout = model["dropout"], dropout.integer != 0 {
      if case .number(0) = dropout {} else { throw .unsupported(part: "model option", kind: "dropout") }
    }
    let prefix = Array((model["continuing_subword_prefix"]?.string ?? "").utf8)
    let suffix = Array((model["end_of_word_suffix"]?.string ?? "").utf8)
    if units == .bytes, !prefix.isEmpty || !suffix.isEmpty {
      throw .unsupported(part: "byte-level model option", kind: "continuing_subword_prefix or end_of_word_suffix")
    }
    var result = BytePairModel(
      units: units, words: words(texts, units), merges: try merges(model["merges"], texts, prefix.count),
      byteIDs: byteIDs(texts, units))
    result.continuingPrefix = prefix
    result.endSuffix = suffix
    result.fusesUnknown = model["fuse_unk"]?.bool ?? false
    result.fallsBackToBytes = model["byte_fallback"]?.bool ?? false
    result.ignoresMerges = model["ignore_merges"]?.bool ?? false
    if let unknown = model["unk_token"]?.string {
      // A name outside of the vocabulary only matters where it is needed; such files exist.
      result.unknownID = texts.id(of: unknown)
    }
    return result
  }

  private func words(_ texts: TokenTexts, _ units: BytePairModel.Units) -> ByteTable {
    var words = ByteTable(capacity: texts.count)
    for id in 0..<Int32(texts.count) {
      guard let text = texts.text(of: id) else { continue }
      if units == .scalars {
        words.insert(Array(text), id)
      } else if let bytes = ByteAlphabet.bytes(of: String(decoding: text, as: UTF8.self)) {
        words.insert(bytes, id)
      }
    }
    return words
  }

  private func byteIDs(_ texts: TokenTexts, _ units: BytePairModel.Units) -> [Int32] {
    (0..<256).map { byte in
      var name = ByteAlphabet.text(of: UInt8(byte))
      if units == .scalars {
        let hex = String(byte, radix: 16, uppercase: true)
        name = Array("<0x\(byte < 16 ? "0" : "")\(hex)>".utf8)
      }
      return name.withUnsafeBufferPointer { texts.id(of: $0) } ?? -1
    }
  }

  /// Merges are written as `"a b"` or as `["a", "b"]`.
  private func merges(_ value: JSONValue?, _ texts: TokenTexts, _ prefix: Int) throws(TokenizerError) -> MergeTable {
    let list = value?.array ?? []
    var table = MergeTable(capacity: list.count)
    var whole: [UInt8] = []
    var rank: UInt32 = 0
    for item in list {
      var left: [UInt8] = []
      var right: [UInt8] = []
      switch item {
      case .string(let text):
        if text.hasPrefix("#version") { continue }
        let bytes = Array(text.utf8)
        guard let space = bytes.firstIndex(of: 0x20), !bytes[(space + 1)...].contains(0x20) else {
          throw malformed("'model.merges'", "holds '\(text)' at \(rank), which is no pair")
        }
        left = Array(bytes[..<space])
        right = Array(bytes[(space + 1)...])
      case .array(let pair):
        guard pair.count == 2, let first = pair[0].string, let second = pair[1].string else {
          throw malformed("'model.merges'", "holds something at \(rank) that is no pair of strings")
        }
        left = Array(first.utf8)
        right = Array(second.utf8)
      default: throw malformed("'model.merges'", "holds \(item.kind) at \(rank)")
      }
      whole.removeAll(keepingCapacity: true)
      whole += left
      whole += right.dropFirst(prefix)
      func id(_ bytes: [UInt8]) throws(TokenizerError) -> Int32 {
        if let id = bytes.withUnsafeBufferPointer({ texts.id(of: $0) }) { return id }
        throw .mergeOutsideVocabulary(rank: Int(rank), token: String(decoding: bytes, as: UTF8.self))
      }
      table.insert(try id(left), try id(right), .init(rank: rank, id: try id(whole)))
      rank += 1
    }
    return table
  }
}
