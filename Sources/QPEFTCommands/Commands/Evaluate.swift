internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// `qpeft evaluate`.
struct Evaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Loss and perplexity on a text or on rows; or how many answers are exactly right.",
    discussion: """
      Rows (.jsonl, .json, .csv) are taken one by one and only the answers count; any other file is one text, cut \
      into windows without overlap, of which the first token is not predicted. --exact-match lets the model answer every row, choosing the likeliest \
      token always, and counts the answers that are equal to the expected one, character for character. Files may be gzip.

        qpeft evaluate --model smol-nf4 --data book.txt
        qpeft evaluate --model smol-nf4 --adapter adapter \\
          --data heldout.jsonl --exact-match --json
      """)

  @OptionGroup(title: "Model") var model: ModelOptions

  @Option(help: ArgumentHelp("A text, or rows as for training.", valueName: "file"))
  var data: String

  @Option(parsing: .unconditional, help: "Tokens of a window of text. (default: 512)")
  var window: Int?

  @Option(parsing: .unconditional, help: "Windows or rows computed at one time. (default: 1)")
  var batchSize: Int?

  @Flag(help: "Count answers that are exactly right.")
  var exactMatch = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  @OptionGroup(title: "Rows") var rows: RowArguments
  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    try Limits.check(window ?? 2, in: 2...TrainingOptions.mostTokensOfRow, "--window")
    try Limits.check(batchSize ?? 1, in: 1...TrainingOptions.mostRowsOfStep, "--batch-size")
    if isRows && window != nil {
      throw ValidationError("--window is for a text; rows are taken whole, up to --max-length.")
    }
    if !isRows, let option = rows.changed.first {
      throw ValidationError("\(option) is for rows, such as a .jsonl file; \(data) is one text, cut by --window.")
    }
    if exactMatch && batchSize != nil { throw ValidationError("--batch-size is not for --exact-match.") }
    if exactMatch && !isRows { throw ValidationError("--exact-match needs rows with answers, such as a .jsonl file.") }
  }

  private var isRows: Bool { DataFormat(nameOf: data).map { $0 != .text } ?? false }

  func run() async throws {
    try threads.apply()
    let tuned = try model.open()
    if exactMatch { try runExactMatch(tuned) } else { try runLoss(tuned) }
  }

  private func runLoss(_ tuned: AdaptedModel) throws {
    let dataset = isRows ? try readRows(tuned) : nil
    let rows: any RowSource = try dataset?.rows ?? tuned.base.windows(ofText: data, length: window ?? 512)
    tuned.base.warnBeyondContext((0..<rows.count).reduce(0) { max($0, rows.length(at: $1)) })
    let meter = ProgressMeter("evaluating", json ? .error : .standard)
    let result = try Evaluation.run(tuned.model, rows, batchSize: batchSize ?? 1) {
      meter.show($0, of: rows.count, "\($0) of \(rows.count)")
    }
    (json ? Terminal.error : .standard).endLiveLine(keeping: false)
    guard result.loss.isFinite else { throw TrainingError.evaluationNotFinite }
    if json {
      Terminal.standard.line(try Format.json(Loss(result: result, rejectedRows: dataset?.report.rejectedRows)))
    } else {
      Terminal.standard.line(
        "loss \(Format.fixed(result.loss, 5))  perplexity \(Format.fixed(result.perplexity, 4))  "
          + "(\(Format.count(result.predictedTokens, "predicted token")) in "
          + "\(Format.count(result.rows, isRows ? "row" : "window"))\(leftOut(dataset)))")
    }
  }

  private func runExactMatch(_ tuned: AdaptedModel) throws {
    let dataset = try readRows(tuned)
    let meter = ProgressMeter("answering", json ? .error : .standard)
    let result = try tuned.exactMatch(dataset.rows) { done, matches in
      meter.show(done, of: dataset.rows.count, "\(matches) of \(done) right")
    }
    (json ? Terminal.error : .standard).endLiveLine(keeping: false)
    if json {
      Terminal.standard.line(try Format.json(Accuracy(result, rejectedRows: dataset.report.rejectedRows)))
    } else {
      Terminal.standard.line(
        "exact match \(Format.fixed(result.fraction * 100, 1)) %  (\(result.matches) of "
          + "\(Format.count(result.rows, "row"))\(leftOut(dataset)))")
    }
  }

  /// Rows to evaluate on; says which are left out.
  private func readRows(_ tuned: AdaptedModel) throws -> Dataset {
    let dataset = try tuned.base.read(data, rows.options, json ? .error : .standard)
    let count = dataset.report.rejectedRows
    if count > 0 {
      let lines = dataset.tokenized.rejected.prefix(10).compactMap(\.line)
      Terminal.printError(
        "warning: \(Format.count(count, "row")) cannot be used and \(count == 1 ? "is" : "are") left out"
          + Format.place(lines) + "; `qpeft data` says why")
    }
    return dataset
  }

  private func leftOut(_ dataset: Dataset?) -> String {
    guard let count = dataset?.report.rejectedRows, count > 0 else { return "" }
    return ", \(Format.count(count)) left out"
  }

  /// A result on rows, or on a text, which has none that could be left out.
  private struct Loss: Encodable {
    var result: EvaluationResult
    var rejectedRows: Int?

    private enum CodingKeys: CodingKey { case rejectedRows }

    func encode(to encoder: any Encoder) throws {
      try result.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(rejectedRows, forKey: .rejectedRows)
    }
  }

  private struct Accuracy: Encodable {
    var exactMatch: Double
    var matches, rows, rejectedRows: Int

    init(_ result: ExactMatchResult, rejectedRows: Int) {
      exactMatch = result.fraction
      matches = result.matches
      rows = result.rows
      self.rejectedRows = rejectedRows
    }
  }
}
