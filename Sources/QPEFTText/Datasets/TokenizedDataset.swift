/// A dataset as tokens, in a few flat arrays: five bytes a token, however many rows.
public struct TokenizedDataset: Sendable {
  /// Name of the file it was read from.
  public let name: String
  /// What was found.
  public private(set) var report = DatasetReport()
  /// Rows that were left out, where the options allow it.
  public private(set) var rejected: [DatasetError] = []
  private var tokens: [Int32] = []
  private var marks: [Bool] = []
  private var starts: [Int] = [0]
  private var lines: [Int32] = []

  /// Reads a JSONL file: rows with `text`, with `prompt` and `completion`, with `instruction`, `input` and `output`,
  /// with `messages`, or with `conversations`.
  ///
  /// - Parameters:
  ///   - path: the file. It is mapped and read once; rows are tokenized one after the other.
  ///   - chat: the model's tokenizer and chat template.
  /// - Throws: ``DatasetError`` naming file and line; among them a row in which no token would be trained.
  public init(
    contentsOf path: String, _ chat: ChatTokenizer, _ options: DatasetOptions = DatasetOptions()
  ) throws(DatasetError) {
    let file = try JSONLines(path: path)
    name = file.name
    var builder = ExampleBuilder(chat, options, file: file.name)
    try file.forEach { line, bytes throws(DatasetError) in
      do throws(DatasetError) {
        let row = try DatasetRow(try file.object(bytes, line: line), file: file.name, line: line)
        try append(try builder.example(row, line: line), options, chat.eosIDs)
      } catch {
        if !options.skipsBadRows { throw error }
        rejected.append(error)
      }
    }
    if count == 0 { throw rejected.first ?? .empty(path: path) }
  }

  /// A dataset of examples made elsewhere.
  ///
  /// - Throws: ``DatasetError/nothingTrained(file:line:reason:)`` for an example without a trained token.
  public init(
    _ examples: [TrainingExample], name: String = "examples", options: DatasetOptions = DatasetOptions()
  ) throws(DatasetError) {
    self.name = name
    for example in examples { try append(example, options, []) }
    if count == 0 { throw .empty(path: name) }
  }

  /// Number of examples.
  public var count: Int { lines.count }

  /// Number of tokens of an example.
  public func length(at index: Int) -> Int { starts[index + 1] - starts[index] }

  /// Number of trained tokens of an example.
  public func trainedCount(at index: Int) -> Int { marks[starts[index]..<starts[index + 1]].count { $0 } }

  /// One example.
  public func example(at index: Int) -> TrainingExample {
    let range = starts[index]..<starts[index + 1]
    return TrainingExample(tokens: Array(tokens[range]), isTrained: Array(marks[range]), line: Int(lines[index]))
  }

  /// The text of an example in runs of tokens that are trained, or not, for showing it.
  public func runs(at index: Int, _ tokenizer: Tokenizer) -> [(text: String, isTrained: Bool)] {
    var runs: [(text: String, isTrained: Bool)] = []
    var start = starts[index]
    while start < starts[index + 1] {
      let end = marks[start..<starts[index + 1]].firstIndex { $0 != marks[start] } ?? starts[index + 1]
      runs.append((tokenizer.decode(tokens[start..<end], skipSpecialTokens: false), marks[start]))
      start = end
    }
    return runs
  }

  private mutating func append(
    _ example: TrainingExample, _ options: DatasetOptions, _ ends: [Int32]
  ) throws(DatasetError) {
    let length = min(example.tokens.count, options.maxLength ?? .max)
    let trained = example.isTrained[..<length].count { $0 }
    if trained == 0 {
      let before = example.trainedCount
      let first = example.isTrained.firstIndex(of: true) ?? 0
      let reason =
        before == 0
        ? "it has \(example.tokens.count) token(s) and no answer to learn"
        : "its first trained token is number \(first + 1), behind the limit of \(length)"
      throw .nothingTrained(file: name, line: example.line, reason: reason)
    }
    if length < example.tokens.count {
      report.truncatedRows += 1
      report.truncatedTokens += example.tokens.count - length
    }
    if !ends.isEmpty {
      let lastTrained = example.isTrained[..<length].lastIndex(of: true) ?? 0
      if !ends.contains(example.tokens[lastTrained]) { report.rowsWithoutTrainedEnd += 1 }
    }
    tokens += example.tokens[..<length]
    marks += example.isTrained[..<length]
    starts.append(tokens.count)
    lines.append(Int32(clamping: example.line))
    report.rows += 1
    report.tokens += length
    report.trainedTokens += trained
    if length > report.longest {
      report.longest = length
      report.longestLine = example.line
    }
  }
}
