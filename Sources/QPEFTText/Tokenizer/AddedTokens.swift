/// A token that is found in the text before the model sees it.
public struct AddedToken: Sendable, Equatable {
  /// Its id.
  public var id: Int32
  /// Its text.
  public var content: String
  /// Left out by `skipSpecialTokens`.
  public var isSpecial = false
  /// Looked for in the normalized text, not in the text as given.
  public var isNormalized = false
  /// Only found where no word character stands beside it.
  public var isSingleWord = false
  /// Takes the white space before it.
  public var stripsLeft = false
  /// Takes the white space behind it.
  public var stripsRight = false
}

/// Finds added tokens in a text: leftmost first, of those the longest.
struct AddedTokenFinder: Sendable {
  /// Index of each token by its spelling.
  private var spellings = ByteTrie()
  private var startsAToken = [Bool](repeating: false, count: 256)
  private var tokens: [AddedToken] = []

  var isEmpty: Bool { tokens.isEmpty }

  mutating func insert(_ token: AddedToken, as content: [UInt8]) {
    guard let first = content.first else { return }
    startsAToken[Int(first)] = true
    spellings.insert(content, Int32(tokens.count))
    tokens.append(token)
  }

  /// Calls `piece` for every part of the text in order; `token` is nil for the text between added tokens.
  func forEachPiece(
    of text: UnsafeBufferPointer<UInt8>, _ piece: (Range<Int>, _ token: AddedToken?) -> Void
  ) {
    var done = 0
    var position = 0
    while position < text.count {
      guard startsAToken[Int(text[position])], let (index, matchEnd) = longest(in: text, at: position) else {
        position += 1
        continue
      }
      let token = tokens[index]
      var start = position
      var end = matchEnd
      position = matchEnd
      if token.isSingleWord, isBesideWord(start, end, text) { continue }
      if token.stripsLeft {
        while start > done {
          let before = UTF8Coding.start(before: start, in: text)
          guard before >= done, Self.isSpace(before, text) else { break }
          start = before
        }
      }
      if token.stripsRight {
        while end < text.count, Self.isSpace(end, text) { end += UTF8Coding.scalar(at: end, in: text).length }
      }
      if done < start { piece(done..<start, nil) }
      piece(min(start, end)..<end, token)
      done = end
    }
    if done < text.count { piece(done..<text.count, nil) }
  }

  private func longest(in text: UnsafeBufferPointer<UInt8>, at start: Int) -> (token: Int, end: Int)? {
    var node = 0
    var position = start
    var found: (Int, Int)?
    while position < text.count {
      node = spellings.child(of: node, text[position])
      if node < 0 { break }
      position += 1
      if spellings.value(at: node) >= 0 { found = (Int(spellings.value(at: node)), position) }
    }
    return found
  }

  private static func isSpace(_ position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    ScalarSet.whitespace.contains(UTF8Coding.scalar(at: position, in: text).value)
  }

  private func isBesideWord(_ start: Int, _ end: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    if start > 0 {
      let before = UTF8Coding.start(before: start, in: text)
      if ScalarSet.addedTokenWord.contains(UTF8Coding.scalar(at: before, in: text).value) { return true }
    }
    return end < text.count && ScalarSet.addedTokenWord.contains(UTF8Coding.scalar(at: end, in: text).value)
  }
}
