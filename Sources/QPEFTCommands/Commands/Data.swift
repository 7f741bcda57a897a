internal import ArgumentParser
internal import QPEFT

/// `qpeft data`.
struct DataCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Look a file of rows over, before an hour is spent on it.",
    discussion: """
      Counts rows and tokens, says what is wrong with them, and shows rows as the model will see them, trained parts marked: \
      in colour in a terminal, [[like this]] elsewhere. `qpeft train` makes the same checks. The exit code is 1 where training \
      would be in vain.

        qpeft data train.jsonl --model smol-nf4
        qpeft data train.csv --model smol-nf4 --show 3 \\
          --columns prompt=question,completion=answer
        qpeft data train.jsonl.gz --model smol-nf4 --line 4711 --json
      """)

  @Argument(help: ArgumentHelp("Rows: JSON Lines, JSON, CSV or text; also .gz.", valueName: "file"))
  var file: String

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @OptionGroup(title: "Rows") var rows: RowArguments

  @Option(parsing: .unconditional, help: "Rows of a batch, for the share of padding that other tools would compute.")
  var batchSize = 8

  @Option(parsing: .unconditional, help: "Show the first so many rows.")
  var show = 0

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Show the row on this line of the file; may be given again.", valueName: "number"))
  var line: [Int] = []

  @Flag(help: "Print counts and findings as JSON.")
  var json = false

  func validate() throws {
    try Limits.check(batchSize, in: 1...TrainingOptions.mostRowsOfStep, "--batch-size")
    if show < 0 { throw ValidationError("--show must be 0 or more.") }
    if line.contains(where: { $0 < 1 }) { throw ValidationError("--line counts from 1.") }
  }

  func run() async throws {
    let base = try BaseModel(model)
    let terminal = Terminal.standard
    var options = rows.options
    // All of them are to be shown, not the first alone, even where nothing else is there.
    (options.skipsBadRows, options.mayLackRows) = (true, true)
    let dataset = try base.read(file, options, json ? .error : terminal).tokenized
    let findings = DatasetFindings(dataset, batchSize: batchSize, toleratesBadRows: rows.skipBadRows)
    let shown = try chosen(from: dataset)
    if json {
      terminal.line(try Format.json(Answer(findings, shown, base.text.tokenizer)))
    } else {
      DataReport(terminal: terminal, file: file, limit: rows.maxLength).show(findings)
      for example in shown { show(example, base.text.tokenizer, terminal) }
    }
    if findings.hasErrors { throw ExitCode(1) }
  }

  private func chosen(from dataset: TokenizedDataset) throws -> [TrainingExample] {
    var indices = Array(0..<min(show, dataset.count))
    for line in line {
      guard let index = (0..<dataset.count).first(where: { dataset.line(at: $0) == line }) else {
        throw Failure(
          message: "\(file) has no usable row that begins on line \(line)", remedy: "name the first line of a row")
      }
      indices.append(index)
    }
    return try dataset.examples(at: indices)
  }

  private func show(_ example: TrainingExample, _ tokenizer: Tokenizer, _ terminal: Terminal) {
    let marks = terminal.isInteractive ? ("\u{1B}[32m", "\u{1B}[0m") : ("[[", "]]")
    terminal.line("\nline \(example.line)")
    terminal.write(
      example.runs(tokenizer).map { $0.isTrained ? marks.0 + $0.text.printable + marks.1 : $0.text.printable }.joined()
        + "\n")
  }

  /// What `--json` prints.
  private struct Answer: Encodable {
    var report: DatasetReport
    var histogram: [Class]
    var padding: DatasetFindings.Padding?
    var duplicates: Int
    var findings: [DatasetFindings.Finding]
    var rows: [Row]

    struct Class: Encodable { var from, below, rows: Int }
    struct Row: Encodable {
      var line: Int
      var tokens: [Int32]
      var trained: [Bool]
      var text: String
    }

    init(_ found: DatasetFindings, _ shown: [TrainingExample], _ tokenizer: Tokenizer) {
      report = found.report
      histogram = zip([0] + found.edges, zip(found.edges, found.histogram)).map {
        Class(from: $0, below: $1.0, rows: $1.1)
      }
      padding = found.padding
      duplicates = found.duplicates
      findings = found.findings
      rows = shown.map {
        Row(
          line: $0.line, tokens: $0.tokens, trained: $0.isTrained,
          text: tokenizer.decode($0.tokens, skipSpecialTokens: false))
      }
    }
  }
}
