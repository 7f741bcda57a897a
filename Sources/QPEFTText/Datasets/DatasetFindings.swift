/// What is worth knowing of a dataset before an hour is spent on it.
public struct DatasetFindings: Sendable, Equatable, Codable {
  /// One thing that is wrong, or may be.
  public struct Finding: Sendable, Equatable, Codable {
    /// How bad it is.
    public enum Severity: String, Sendable, Codable {
      /// Training would be in vain.
      case error
      /// Training works, but perhaps not as meant.
      case warning
    }

    /// How bad it is.
    public var severity: Severity
    /// What is wrong.
    public var message: String
    /// What to do about it.
    public var remedy: String
    /// The first rows it concerns, by line, at most ten.
    public var lines: [Int]
  }

  /// Counts of rows and tokens.
  public var report: DatasetReport
  /// Rows whose length lies in `0..<edges[0]`, `edges[0]..<edges[1]` and so on; the last count is of those beyond.
  public var histogram: [Int]
  /// Upper ends of the histogram's classes: powers of two.
  public var edges: [Int]
  /// Share of padding when rows are batched in shuffled order, 0...1.
  public var paddingShare: Double
  /// Rows that are the same as an earlier one, token for token.
  public var duplicates: Int
  /// All that is wrong, errors first.
  public var findings: [Finding]

  /// Whether there is an error among the findings.
  public var hasErrors: Bool { findings.contains { $0.severity == .error } }

  /// Looks a dataset over.
  ///
  /// - Parameter batchSize: rows of a batch, for the share of padding.
  public init(_ dataset: TokenizedDataset, _ chat: ChatTokenizer, batchSize: Int = 1) {
    report = dataset.report
    edges = (4...20).map { 1 << $0 }.filter { $0 / 2 <= dataset.report.longest }
    histogram = Array(repeating: 0, count: edges.count + 1)
    findings = []
    duplicates = 0

    var seen: [[Int32]: Int] = [:]
    var same: [Int] = []
    var endless: [Int] = []
    var unknown: [Int] = []
    let unknownID = chat.tokenizer.unknownID
    for index in 0..<dataset.count {
      let example = dataset.example(at: index)
      histogram[edges.firstIndex { example.tokens.count < $0 } ?? edges.count] += 1
      if seen.updateValue(index, forKey: example.tokens) != nil { same.append(example.line) }
      if let last = example.isTrained.lastIndex(of: true), !chat.eosIDs.contains(example.tokens[last]) {
        endless.append(example.line)
      }
      if let unknownID, example.tokens.contains(unknownID) { unknown.append(example.line) }
    }
    duplicates = same.count
    paddingShare = Self.paddingShare(dataset, batchSize)

    for error in dataset.rejected { add(.error, error.description, error.remedy, []) }
    if chat.eosIDs.isEmpty {
      add(
        .error, "the model names no end token, so no row can end with one",
        "Set eos_token in tokenizer_config.json.", [])
    } else if !endless.isEmpty {
      let all = endless.count == dataset.count
      add(
        all ? .error : .warning,
        "\(endless.count) of \(dataset.count) rows do not end in a trained end token; the model may never stop",
        report.truncatedRows > 0
          ? "Raise --max-length so that answers keep their end."
          : "Use the model's own chat template, or name its end-of-turn token in generation_config.json.", endless)
    }
    if report.truncatedRows > 0 {
      add(
        .warning,
        "\(report.truncatedRows) of \(report.rows) rows are longer than the limit and lose \(report.truncatedTokens) tokens",
        "Raise --max-length, or shorten the rows.", [])
    }
    if !unknown.isEmpty {
      add(
        .warning, "\(unknown.count) rows hold characters that the tokenizer cannot represent",
        "Remove the characters, or use a model whose tokenizer knows them.", unknown)
    }
    if !same.isEmpty {
      add(.warning, "\(same.count) rows repeat an earlier one", "Remove them, unless they are to weigh more.", same)
    }
    findings.sort { $0.severity == .error && $1.severity == .warning }
  }

  private mutating func add(_ severity: Finding.Severity, _ message: String, _ remedy: String, _ lines: [Int]) {
    findings.append(Finding(severity: severity, message: message, remedy: remedy, lines: Array(lines.prefix(10))))
  }

  private static func paddingShare(_ dataset: TokenizedDataset, _ batchSize: Int) -> Double {
    var sampler = BatchSampler(count: dataset.count, batchSize: batchSize)
    var padded = 0
    var total = 0
    for batch in 0..<sampler.batchesPerEpoch {
      let lengths = sampler.batch(batch).map { dataset.length(at: $0) }
      let area = (lengths.max() ?? 0) * lengths.count
      total += area
      padded += area - lengths.reduce(0, +)
    }
    return total == 0 ? 0 : Double(padded) / Double(total)
  }
}
