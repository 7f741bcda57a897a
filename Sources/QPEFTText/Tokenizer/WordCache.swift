/// Words that were split into tokens before, and what they became. Forgets all when it is full.
struct WordCache {
  private var words = ByteTable(capacity: 4096)
  private var starts: [Int32] = [0]
  private var ids: [Int32] = []
  private var lengths: [Int32] = []
  private static let mostWords = 1 << 16
  /// Longer words are hardly ever met again.
  static let longestWord = 64

  /// Appends the tokens of a known word; false if it is not known.
  @inline(__always)
  func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout TokenRun) -> Bool {
    let entry = words.entry(word)
    guard entry >= 0 else { return false }
    for index in Int(starts[entry])..<Int(starts[entry + 1]) { tokens.append(ids[index], lengths[index]) }
    return true
  }

  /// Remembers the tokens from `first` on as those of a word that is not known yet.
  mutating func remember(_ word: UnsafeBufferPointer<UInt8>, _ tokens: TokenRun, from first: Int) {
    if words.count >= Self.mostWords { self = WordCache() }
    words.insert(word, 0)
    ids.append(contentsOf: tokens.ids[first...])
    lengths.append(contentsOf: tokens.lengths[first...])
    starts.append(Int32(ids.count))
  }
}

/// Tokens in the order of the text, each with the number of bytes it stands for.
struct TokenRun {
  private(set) var ids: [Int32] = []
  private(set) var lengths: [Int32] = []
  /// How many tokens there are after each word.
  private var wordEnds: [Int32] = []

  /// Indices of the tokens of a word; bytes that the vocabulary lacks may have left it none.
  func tokens(ofWord word: Int) -> Range<Int> {
    (word == 0 ? 0 : Int(wordEnds[word - 1]))..<Int(wordEnds[word])
  }

  @inline(__always)
  mutating func endWord() { wordEnds.append(Int32(ids.count)) }

  @inline(__always)
  mutating func append(_ id: Int32, _ length: Int32) {
    ids.append(id)
    lengths.append(length)
  }

  mutating func removeAll() {
    ids.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    wordEnds.removeAll(keepingCapacity: true)
  }
}
