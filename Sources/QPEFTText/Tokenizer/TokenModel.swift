/// What turns one word into tokens: the `model` of a `tokenizer.json`.
enum TokenModel: Sendable {
  case bytePair(BytePairModel)
  case unigram(UnigramModel)
  case wordPiece(WordPieceModel)

  /// Working memory of ``append(_:to:_:)``.
  struct Workspace {
    private var cache = WordCache()
    private var bytePair = BytePairModel.Workspace()
    private var unigram = UnigramModel.Workspace()

    /// Appends the tokens of one word.
    mutating func append(_ word: UnsafeBufferPointer<UInt8>, by model: TokenModel, to tokens: inout TokenRun) {
      if word.isEmpty { return }
      let isShort = word.count <= WordCache.longestWord
      if isShort, cache.append(word, to: &tokens) { return }
      let first = tokens.ids.count
      switch model {
      case .bytePair(let model): model.append(word, to: &tokens, &bytePair)
      case .unigram(let model): model.append(word, to: &tokens, &unigram)
      case .wordPiece(let model): model.append(word, to: &tokens)
      }
      if isShort { cache.remember(word, tokens, from: first) }
    }
  }

  /// The token that stands for what the vocabulary cannot write.
  var unknownID: Int32? {
    switch self {
    case .bytePair(let model): model.unknownID
    case .unigram(let model): model.unknownID
    case .wordPiece(let model): model.unknownID
    }
  }
}
