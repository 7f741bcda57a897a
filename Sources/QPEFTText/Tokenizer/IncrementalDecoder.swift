/// Decodes a stream of tokens, giving out text as soon as it is certain.
///
/// A character whose bytes are spread over several tokens comes out whole with the last of them. All that ``append(_:)``
/// and ``finish()`` give out, put together, is what ``Tokenizer/decode(_:skipSpecialTokens:)`` gives for all the ids.
public struct IncrementalDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecialTokens: Bool
  /// Byte-level vocabularies: bytes of a character that is not complete.
  private var pending: [UInt8] = []
  /// Other vocabularies: the last token whose text is out, the ids behind it, and how many bytes of their text are out.
  private var window: [Int32] = []
  private var emitted = 0

  /// A decoder at the start of a text.
  public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    skipsSpecialTokens = skipSpecialTokens
  }

  /// Takes the next token and returns the text that is now certain, often empty.
  public mutating func append(_ id: Int32) -> String {
    if tokenizer.tokens.text(of: id) == nil || skipsSpecialTokens && tokenizer.isSpecial(id) { return "" }
    guard tokenizer.decodesEachTokenAlone else { return appendToWindow(id) }
    pending += tokenizer.byteLevelBytes(of: id)
    let complete = pending.count - Self.unfinishedTail(of: pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// The text that was held back, with U+FFFD for bytes that never became a character.
  public mutating func finish() -> String {
    defer {
      pending = []
      window = []
      emitted = 0
    }
    if tokenizer.decodesEachTokenAlone { return String(decoding: pending, as: UTF8.self) }
    return rest(of: tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens), from: emitted)
  }

  private func rest(of text: String, from offset: Int) -> String {
    String(decoding: Array(text.utf8.dropFirst(offset)), as: UTF8.self)
  }

  private mutating func appendToWindow(_ id: Int32) -> String {
    window.append(id)
    // One byte that fits nowhere spoils the whole run of byte tokens that it stands in: wait for the end of the run.
    if let text = tokenizer.tokens.text(of: id), TokenDecoder.byte(of: Array(text)) != nil { return "" }
    let new = rest(of: tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens), from: emitted)
    window = [id]
    emitted = tokenizer.decode(window, skipSpecialTokens: skipsSpecialTokens).utf8.count
    return new
  }

  /// How many bytes at the end may be the start of a character.
  static func unfinishedTail(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let byte = bytes[bytes.count - length]
      if byte & 0xC0 == 0x80 { continue }
      let needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
      return needed > length ? length : 0
    }
    return 0
  }
}
