/// One row of a dataset as tokens.
public struct TrainingExample: Sendable, Equatable {
  /// Token ids.
  public var tokens: [Int32]
  /// For each token, whether the model is trained to predict it from those before. Never true for the first token,
  /// which nothing comes before.
  public var isTrained: [Bool]
  /// Line of the row in its file, from 1.
  public var line: Int
  /// The text of the row as the model sees it, without the tokens around it; empty where only tokens are known.
  public var text: String

  /// An example from tokens and their marks.
  public init(tokens: [Int32], isTrained: [Bool], line: Int = 0, text: String = "") {
    precondition(tokens.count == isTrained.count, "one mark for each of \(tokens.count) tokens, not \(isTrained.count)")
    self.tokens = tokens
    self.isTrained = isTrained
    self.line = line
    self.text = text
  }

  /// How many tokens are trained.
  public var trainedCount: Int { isTrained.count { $0 } }

  /// The text in runs of tokens that are trained, or not, for showing it.
  public func runs(_ tokenizer: Tokenizer) -> [(text: String, isTrained: Bool)] {
    var runs: [(text: String, isTrained: Bool)] = []
    var start = 0
    while start < tokens.count {
      let end = isTrained[start...].firstIndex { $0 != isTrained[start] } ?? tokens.count
      runs.append((tokenizer.decode(tokens[start..<end], skipSpecialTokens: false), isTrained[start]))
      start = end
    }
    return runs
  }

  /// The example without what is behind `limit` tokens.
  func cut(to limit: Int?) -> TrainingExample {
    guard let limit, tokens.count > limit else { return self }
    return TrainingExample(
      tokens: Array(tokens[..<limit]), isTrained: Array(isTrained[..<limit]), line: line, text: text)
  }

  /// A number that differs where tokens, or also marks, differ.
  func hash(withMarks: Bool) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for (token, isTrained) in zip(tokens, isTrained) {
      let value = UInt64(UInt32(bitPattern: token)) << 1 | (withMarks && isTrained ? 1 : 0)
      hash = (hash ^ value) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return hash
  }
}
