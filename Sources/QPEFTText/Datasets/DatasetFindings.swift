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
      /// Nothing is wrong, if it is meant so.
      case note
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

  /// Share of padding, 0...1, in the rectangles that other tools compute. Here there is none.
  public struct Padding: Sendable, Equatable, Codable {
    /// Rows of a batch.
    public var batchSize: Int
    /// Batches of shuffled rows, each as wide as its longest.
    public var shuffled: Double
    /// Batches of rows of similar length.
    public var byLength: Double
    /// Rows packed up to the length limit.
    public var packed: Double
    /// Packed rows, and the number that no packing can do without.
    public var packedRows, fewestPackedRows: Int
  }

  /// Counts of rows and tokens.
  public var report: DatasetReport
  /// Rows whose length lies in `0..<edges[0]`, `edges[0]..<edges[1]` and so on; the last count is of those beyond.
  public var histogram: [Int]
  /// Upper ends of the histogram's classes: powers of two.
  public var edges: [Int]
  /// What padding would cost elsewhere, if it was asked for.
  public var padding: Padding?
  /// Rows that are the same as an earlier one, token for token.
  public var duplicates: Int
  /// All that is wrong, errors first.
  public var findings: [Finding]

  /// Whether there is an error among the findings.
  public var hasErrors: Bool { findings.contains { $0.severity == .error } }

  /// Looks a dataset over.
  ///
  /// - Parameters:
  ///   - batchSize: rows of a batch, to find the share of padding; nil: not wanted.
  ///   - toleratesBadRows: whether rows that were left out are warnings; else errors.
  public init(_ dataset: TokenizedDataset, batchSize: Int? = nil, toleratesBadRows: Bool = false) {
    report = dataset.report
    edges = (4...30).map { 1 << $0 }.filter { $0 == 16 || $0 / 2 <= dataset.report.longest }
    histogram = Array(repeating: 0, count: edges.count + 1)
    for index in 0..<dataset.count {
      let length = dataset.length(at: index)
      histogram[edges.firstIndex { length < $0 } ?? edges.count] += 1
    }
    if let batchSize, dataset.count > 0 {
      padding = Padding(dataset, batchSize: min(max(batchSize, 1), dataset.count))
    }
    duplicates = dataset.notes.repeated.count
    findings = []
    noteRejected(dataset, toleratesBadRows)
    noteEnds(dataset)
    noteTruncation(dataset)
    noteText(dataset)
    let ranks: [Finding.Severity] = [.error, .warning, .note]
    findings = ranks.flatMap { rank in findings.filter { $0.severity == rank } }
  }

  private mutating func add(_ severity: Finding.Severity, _ message: String, _ remedy: String, _ lines: [Int] = []) {
    findings.append(Finding(severity: severity, message: message, remedy: remedy, lines: lines))
  }

  private mutating func noteRejected(_ dataset: TokenizedDataset, _ toleratesBadRows: Bool) {
    let severity = toleratesBadRows && report.rows > 0 ? Finding.Severity.warning : .error
    let told = dataset.rejected.prefix(10)
    for error in told { add(severity, error.reason, error.remedy, error.line.map { [$0] } ?? []) }
    let others = report.rejectedRows - told.count
    if others > 0 {
      add(
        severity, others == 1 ? "one more row cannot be used" : "\(others) more rows cannot be used",
        "correct them, or leave all of them out with --skip-bad-rows",
        dataset.rejected.dropFirst(told.count).prefix(10).compactMap(\.line))
    }
  }

  private mutating func noteEnds(_ dataset: TokenizedDataset) {
    let (endless, whole) = (dataset.notes.endless, dataset.notes.wholeRows)
    if dataset.chat.eosIDs.isEmpty {
      add(
        .error, "the model names no end token, so no row can end with one",
        "set eos_token in tokenizer_config.json")
    } else if endless.count > 0 {
      add(
        endless.count == whole ? .error : .warning,
        "\(endless.count) of \(whole) rows do not end in a trained end token; the model may never stop",
        "use the model's own chat template, or name its end-of-turn token in generation_config.json", endless.lines)
    }
  }

  private mutating func noteTruncation(_ dataset: TokenizedDataset) {
    if report.truncatedRows > 0 {
      add(
        .warning,
        "\(report.truncatedRows) of \(report.rows) rows are longer than the limit and lose \(report.truncatedTokens) tokens",
        "raise --max-length, or shorten the rows")
    }
    if report.rowsWithCutAnswers > 0 {
      add(
        .warning,
        "\(report.rowsWithCutAnswers) of these rows lose \(report.truncatedTrainedTokens) trained tokens: their answers "
          + "have no end",
        "raise --max-length, or remove the rows", dataset.notes.cutAnswers.lines)
    }
  }

  private static func holders(_ count: Int) -> String { count == 1 ? "a row holds" : "\(count) rows hold" }

  private mutating func noteText(_ dataset: TokenizedDataset) {
    let notes = dataset.notes
    if notes.foreign.count > 0 {
      add(
        .warning,
        "\(Self.holders(notes.foreign.count)) '\(notes.foreignMark)', which is no token of this model, but of another one's "
          + "chat template",
        "give rows as \"messages\", without the marks of a template", notes.foreign.lines)
    }
    if notes.unwritable.count > 0 {
      let characters = notes.characters.map { "'\($0)'" }.joined(separator: " ")
      add(
        .warning,
        "\(Self.holders(notes.unwritable.count)) characters that the tokenizer has no token for: \(characters)",
        "remove the characters, or use a model whose tokenizer knows them", notes.unwritable.lines)
    }
    if notes.repeated.count > 0 {
      add(
        .warning,
        notes.repeated.count == 1 ? "a row repeats an earlier one" : "\(notes.repeated.count) rows repeat earlier ones",
        "remove them, unless they are to weigh more",
        notes.repeated.lines)
    }
    if dataset.chat.template != nil, notes.chatRows == 0, report.rows > 0 {
      add(
        .note, "the model has a chat template, and these rows do not use it",
        "for a model to chat with, write rows with \"messages\" or \"instruction\"")
    }
  }
}

extension DatasetFindings.Padding {
  init(_ dataset: TokenizedDataset, batchSize: Int) {
    self.batchSize = batchSize
    let tokens = Double(dataset.report.tokens)
    func share(_ area: Double) -> Double { area == 0 ? 0 : 1 - tokens / area }
    func area(_ arrangement: BatchSampler.Arrangement) -> Double {
      var sampler = BatchSampler(
        parts: [RowPart(count: dataset.count)], batchSize: batchSize, arrangement: arrangement
      ) { dataset.length(at: $0) }
      return (0..<sampler.steps(ofEpochs: 1)).reduce(0) { area, step in
        area
          + sampler.batches(ofStep: step).reduce(0) {
            $0 + Double($1.map(dataset.length).max() ?? 0) * Double($1.count)
          }
      }
    }
    shuffled = share(area(.rows))
    byLength = share(area(.byLength))
    let capacity = max(1, dataset.options.maxLength ?? dataset.report.longest)
    let lengths = (0..<dataset.count).map(dataset.length)
    packedRows = BinPacking.bestFitDecreasing(lengths, capacity: capacity).count
    fewestPackedRows = BinPacking.lowerBound(lengths, capacity: capacity)
    packed = share(Double(packedRows) * Double(capacity))
  }
}
