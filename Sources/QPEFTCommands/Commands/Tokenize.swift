internal import ArgumentParser
internal import QPEFT

/// `qpeft tokenize`.
struct Tokenize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at rows as the model will see them, before training on them.",
    discussion: """
      Counts tokens, says what may be wrong with the rows, and shows the first of them with the trained parts marked: in \\
      colour in a terminal, [[like this]] elsewhere.

        qpeft tokenize --model smol-nf4 --data train.jsonl
        qpeft tokenize --model smol-nf4 --data train.jsonl --rows 0 --json
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Rows as for training.", valueName: "file.jsonl"))
  var data: String

  @Option(help: "Tokens of a row at most; longer rows are cut.")
  var maxLength = DatasetOptions.standard.maxLength ?? 512

  @Option(help: "Which tokens are trained.")
  var trainOn = TrainOn.completion

  @Option(help: "Rows to show.")
  var rows = 3

  @Flag(help: "Print counts and findings as JSON.")
  var json = false

  func validate() throws {
    if maxLength < 2 { throw ValidationError("--max-length must be at least 2.") }
    if rows < 0 { throw ValidationError("--rows must be 0 or more.") }
  }

  func run() async throws {
    let base = try BaseModel(model)
    let dataset = try base.dataset(data, options: DatasetOptions(maxLength: maxLength, trainOn: trainOn))
    let terminal = Terminal.standard
    if json {
      terminal.line(try Format.json(dataset.findings))
      return
    }
    let report = dataset.report
    terminal.line(
      "\(data): \(Format.count(report.rows, "row")), \(Format.count(report.tokens, "token")), "
        + "\(Format.count(report.trainedTokens)) of them trained, longest row \(Format.count(report.longest))")
    for finding in dataset.findings.findings { terminal.line("\(finding.severity.rawValue): " + Format.words(finding)) }
    let marks = terminal.isInteractive ? ("\u{1B}[32m", "\u{1B}[0m") : ("[[", "]]")
    for index in 0..<min(rows, dataset.tokenized.count) {
      let example = try dataset.tokenized.example(at: index)
      terminal.line("\nline \(example.line)")
      let runs = example.runs(base.text.tokenizer)
      terminal.line(runs.map { $0.isTrained ? marks.0 + $0.text + marks.1 : $0.text }.joined())
    }
  }
}
