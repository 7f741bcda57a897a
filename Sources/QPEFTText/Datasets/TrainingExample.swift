/// Which tokens of an example count in the loss.
public enum TrainOn: String, Sendable, Codable, CaseIterable {
  /// What the model is to write: completions, and the assistant's turns of a chat. Plain text is all of it.
  case completion
  /// Every token.
  case all
}

/// One row of a dataset as tokens.
public struct TrainingExample: Sendable, Equatable {
  /// Token ids.
  public var tokens: [Int32]
  /// For each token, whether the model is trained to predict it from those before. Never true for the first token,
  /// which nothing comes before.
  public var isTrained: [Bool]
  /// Line of the row in its file, from 1.
  public var line: Int

  /// An example from tokens and their marks.
  public init(tokens: [Int32], isTrained: [Bool], line: Int = 0) {
    precondition(tokens.count == isTrained.count, "one mark for each of \(tokens.count) tokens, not \(isTrained.count)")
    self.tokens = tokens
    self.isTrained = isTrained
    self.line = line
  }

  /// How many tokens are trained.
  public var trainedCount: Int { isTrained.count { $0 } }
}

/// How rows become examples.
public struct DatasetOptions: Sendable, Hashable, Codable {
  /// Longer examples lose their end; nil keeps them whole.
  public var maxLength: Int?
  /// Which tokens count in the loss.
  public var trainOn = TrainOn.completion
  /// Whether bad rows are left out and kept as ``TokenizedDataset/rejected`` instead of ending the reading.
  public var skipsBadRows = false

  /// Options with the given values.
  public init(maxLength: Int? = nil, trainOn: TrainOn = .completion, skipsBadRows: Bool = false) {
    self.maxLength = maxLength
    self.trainOn = trainOn
    self.skipsBadRows = skipsBadRows
  }
}

/// What was found in a dataset.
public struct DatasetReport: Sendable, Equatable, Codable {
  /// Rows that became examples.
  public var rows = 0
  /// Tokens of all examples, after truncation.
  public var tokens = 0
  /// Tokens that count in the loss.
  public var trainedTokens = 0
  /// Rows that were longer than the limit.
  public var truncatedRows = 0
  /// Tokens that truncation took.
  public var truncatedTokens = 0
  /// Rows whose last trained token is no end token: a model trained on them may not learn to stop.
  public var rowsWithoutTrainedEnd = 0
  /// Tokens of the longest example, after truncation.
  public var longest = 0
  /// Line of the longest example.
  public var longestLine = 0

  /// An empty report.
  public init() {}
}
