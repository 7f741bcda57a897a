internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// How rows become tokens.
struct RowArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Tokens of a row at most; longer rows are cut and counted, a plain text is cut into rows of as many.")
  var maxLength = DatasetOptions.standard.maxLength ?? 512

  @Option(
    help:
      "Which tokens are trained: those of answers (of a whole text where there is no prompt), of the last answer, or all."
  )
  var trainOn = TrainOn.completion

  @Option(
    help: ArgumentHelp(
      "The file's own names for the fields of a row, for example prompt=question,completion=answer.",
      valueName: "field=name,...")) var columns: String?

  @Flag(help: "Of preference pairs (\"chosen\" and \"rejected\"), train on the chosen answers.")
  var useChosen = false

  @Flag(help: "Leave rows out that cannot be used, instead of stopping at the first.")
  var skipBadRows = false

  func validate() throws {
    try Limits.check(maxLength, in: 2...TrainingOptions.mostTokensOfRow, "--max-length")
    _ = try mapping()
  }

  private func mapping() throws -> [String: String] {
    var mapping: [String: String] = [:]
    for pair in columns?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
      let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard parts.count == 2, !parts[1].isEmpty else {
        throw ValidationError("--columns: '\(pair)' is not of the form field=name.")
      }
      guard DatasetOptions.fields.contains(parts[0]) else {
        throw ValidationError(
          "--columns: no row has a field '\(parts[0])'; fields are \(DatasetOptions.fields.joined(separator: ", ")).")
      }
      mapping[parts[0]] = parts[1]
    }
    return mapping
  }

  /// Options that are not as they are by default.
  var changed: [String] {
    [
      maxLength != DatasetOptions.standard.maxLength ? "--max-length" : nil,
      trainOn != .completion ? "--train-on" : nil,
      columns != nil ? "--columns" : nil, useChosen ? "--use-chosen" : nil, skipBadRows ? "--skip-bad-rows" : nil,
    ].compactMap { $0 }
  }

  var options: DatasetOptions {
    var options = DatasetOptions(maxLength: maxLength, trainOn: trainOn, skipsBadRows: skipBadRows)
    options.columns = (try? mapping()) ?? [:]
    options.usesChosen = useChosen
    return options
  }
}

/// What is trained on and what is evaluated on.
struct DataArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Rows to train on (JSON Lines, JSON, CSV, text; also .gz). Give it again for more files; FILE:0.3 takes about a third "
        + "of a file's rows each epoch, FILE:2 all of them twice.", valueName: "file[:weight]"))
  var data: [String]

  @Option(name: .customLong("eval-data"), help: ArgumentHelp("Rows to evaluate on.", valueName: "file"))
  var evalData: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep this share of the rows for evaluation; --seed chooses them.", valueName: "share"))
  var evalSplit: Double?

  func validate() throws {
    if data.isEmpty { throw ValidationError("--data must name a file.") }
    for entry in data {
      if let weight = Self.parts(entry).weight, !(weight > 0 && weight <= 1000) {
        throw ValidationError("--data: the weight in '\(entry)' must be above 0 and at most 1000.")
      }
    }
    if let evalSplit, !(evalSplit > 0 && evalSplit < 1) {
      throw ValidationError("--eval-split must be above 0 and below 1.")
    }
    if evalSplit != nil && evalData != nil { throw ValidationError("Give --eval-data or --eval-split, not both.") }
  }

  /// Path and weight of `FILE:WEIGHT`; a file whose name ends so is taken for what it is.
  private static func parts(_ entry: String) -> (path: String, weight: Double?) {
    guard let colon = entry.lastIndex(of: ":"), let weight = Double(entry[entry.index(after: colon)...]),
      !FileManager.default.fileExists(atPath: entry)
    else { return (entry, nil) }
    return (String(entry[..<colon]), weight)
  }

  /// Reads all files and checks them; the report shows what was found.
  /// - Throws: errors of reading, and a `Failure` where training would be in vain.
  func load(_ base: BaseModel, _ options: DatasetOptions, seed: UInt64, _ report: TrainingReport) throws -> LoadedRows {
    var training: [(rows: any RowSource, weight: Double)] = []
    var evaluation: [(rows: any RowSource, weight: Double)] = []
    for entry in data {
      let (path, weight) = Self.parts(entry)
      var rows = try checked(path, base, options, report)
      if let evalSplit, rows.count > 1 {
        let split = rows.split(share: evalSplit, seed: seed)
        rows = split.training
        evaluation.append((split.evaluation, 1))
      }
      training.append((rows, weight ?? 1))
    }
    if evalSplit != nil, evaluation.isEmpty {
      throw Failure(
        message: "--eval-split keeps rows of files of two rows or more, and there is none",
        remedy: "give more rows, name others to evaluate on with --eval-data, or leave --eval-split out")
    }
    if let evalData { evaluation.append((try checked(evalData, base, options, report), 1)) }
    // One file is itself, so that its order is that of a run without weights.
    let single = training.count == 1 && training[0].weight == 1
    return LoadedRows(
      training: single ? training[0].rows : RowMixture(training),
      evaluation: evaluation.count == 1 ? evaluation[0].rows : RowMixture(evaluation))
  }

  private func checked(
    _ path: String, _ base: BaseModel, _ options: DatasetOptions, _ report: TrainingReport
  ) throws -> DatasetRows {
    let dataset = try base.read(path, options, report.terminal)
    report.show(dataset, named: path)
    base.warnBeyondContext(dataset.findings.report.longest)
    if let error = dataset.findings.findings.first(where: { $0.severity == .error }) {
      throw Failure(message: "\(path): \(error.message)", remedy: error.remedy)
    }
    return dataset.rows
  }
}

/// Rows of a run.
struct LoadedRows {
  var training: any RowSource
  var evaluation: any RowSource
}

extension BaseModel {
  /// Says so where rows are longer than the texts that the model was made for.
  func warnBeyondContext(_ tokens: Int) {
    guard tokens > shape.maximumPositions else { return }
    Terminal.printError(
      "warning: rows of \(tokens) tokens are longer than the \(shape.maximumPositions) that the model was made for; what it "
        + "makes of them is of little worth")
  }

  /// Reads rows; shows how far it is where a person would wait.
  func read(_ path: String, _ options: DatasetOptions, _ terminal: Terminal) throws -> Dataset {
    let meter = ProgressMeter("reading", terminal)
    let worthShowing = 4_000_000
    let dataset = try dataset(path, options: options) { done, total in
      if total > worthShowing { meter.show(bytes: done, of: total) }
    }
    terminal.endLiveLine(keeping: false)
    return dataset
  }
}
