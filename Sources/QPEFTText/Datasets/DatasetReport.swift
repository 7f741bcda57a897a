/// What was counted in a dataset.
public struct DatasetReport: Sendable, Equatable, Codable {
  /// Rows that became examples.
  public var rows = 0
  /// Rows that were left out.
  public var rejectedRows = 0
  /// Tokens of all examples, after truncation.
  public var tokens = 0
  /// Tokens that count in the loss.
  public var trainedTokens = 0
  /// Rows that were longer than the limit.
  public var truncatedRows = 0
  /// Tokens that truncation took.
  public var truncatedTokens = 0
  /// Trained ones among them, and rows that lost any: their answers are not whole.
  public var truncatedTrainedTokens = 0
  /// Rows of which truncation took trained tokens.
  public var rowsWithCutAnswers = 0
  /// Rows whose last trained token is no end token: a model trained on them may not learn to stop.
  public var rowsWithoutTrainedEnd = 0
  /// Tokens of the longest example, after truncation.
  public var longest = 0
  /// Line of the longest example.
  public var longestLine = 0

  /// An empty report.
  public init() {}
}

/// Rows of one kind: how many, and the lines of the first ten.
struct NotedRows: Sendable {
  private(set) var count = 0
  private(set) var lines: [Int] = []

  mutating func add(_ line: Int) {
    count += 1
    if lines.count < 10 { lines.append(line) }
  }
}

/// What is noted of rows while they are read, for the findings.
struct DatasetNotes: Sendable {
  var endless = NotedRows()
  var repeated = NotedRows()
  var cutAnswers = NotedRows()
  var foreign = NotedRows()
  var foreignMark = ""
  var unwritable = NotedRows()
  /// Characters that the tokenizer cannot write, at most twenty.
  var characters: [String] = []
  /// Rows that are not part of a longer text.
  var wholeRows = 0
  /// Rows that the chat template made.
  var chatRows = 0
}
