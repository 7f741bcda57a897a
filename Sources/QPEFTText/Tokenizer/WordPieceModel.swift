/// A vocabulary of pieces from which a word takes the longest that fits, from its start to its end. A word that cannot be
/// written so becomes the unknown token as a whole.
struct WordPieceModel: Sendable {
  /// Pieces by their bytes.
  private let pieces: ByteTrie
  /// Where pieces that go on inside of a word hang: behind their prefix (`##`); -1 if there are none.
  private let insideNode: Int
  let unknownID: Int32?
  /// In scalars; longer words are unknown.
  private let longestWord: Int

  init(pieces: ByteTrie, continuingPrefix: String, unknownID: Int32?, longestWord: Int) {
    self.pieces = pieces
    insideNode = pieces.node(of: continuingPrefix.utf8)
    self.unknownID = unknownID
    self.longestWord = longestWord
  }

  func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout TokenRun) {
    let scalars = word.count { $0 & 0xC0 != 0x80 }
    guard scalars <= longestWord, let found = split(word) else {
      if let unknownID { tokens.append(unknownID, Int32(word.count)) }
      return
    }
    for (id, length) in found { tokens.append(id, length) }
  }

  private func split(_ word: UnsafeBufferPointer<UInt8>) -> [(Int32, Int32)]? {
    var found: [(Int32, Int32)] = []
    var start = 0
    while start < word.count {
      var node = start == 0 ? 0 : insideNode
      var longest: (id: Int32, end: Int)?
      var end = start
      while end < word.count, node >= 0 {
        node = pieces.child(of: node, word[end])
        end += 1
        if node >= 0, pieces.value(at: node) >= 0 { longest = (pieces.value(at: node), end) }
      }
      guard let (id, end) = longest else { return nil }
      found.append((id, Int32(end - start)))
      start = end
    }
    return found
  }
}
