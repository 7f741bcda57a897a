extension Tokenizer {
  /// The text that ids stand for; bytes that are no UTF-8 become U+FFFD. Ids outside of the vocabulary are skipped.
  ///
  /// - Parameter skipSpecialTokens: whether special tokens such as `<|im_end|>` are left out.
  public func decode(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool = true) -> String {
    var texts: [[UInt8]] = []
    for id in ids {
      if skipSpecialTokens, tokens.isSpecial(id) { continue }
      if let text = tokens.text(of: id) { texts.append(Array(text)) }
    }
    guard let decoders else {
      return texts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
    for step in decoders { texts = step(texts) }
    return String(decoding: texts.joined(), as: UTF8.self)
  }

  /// Whether a token's text is the same wherever it stands, so that text can be decoded token by token.
  var decodesEachTokenAlone: Bool {
    guard let decoders, decoders.count == 1, case .byteLevel = decoders[0] else { return false }
    return true
  }

  /// The bytes of one token of a byte-level vocabulary.
  func byteLevelBytes(of id: Int32) -> [UInt8] {
    guard let text = tokens.text(of: id) else { return [] }
    return ByteAlphabet.bytes(of: String(decoding: text, as: UTF8.self)) ?? Array(text)
  }
}
