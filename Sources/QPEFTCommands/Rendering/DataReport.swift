internal import QPEFT

/// What `qpeft data` shows of a file.
struct DataReport {
  let terminal: Terminal
  let file: String
  let limit: Int

  func show(_ found: DatasetFindings) {
    let report = found.report
    terminal.line("\(file)")
    field("rows", Format.count(report.rows) + (report.rejectedRows > 0 ? ", \(report.rejectedRows) left out" : ""))
    if report.rows > 0 { showRows(found) }
    if !found.findings.isEmpty { terminal.line() }
    for finding in found.findings {
      terminal.line("\(finding.severity.rawValue): " + Format.words(finding))
    }
  }

  private func showRows(_ found: DatasetFindings) {
    let report = found.report
    let share = Double(report.trainedTokens) / Double(max(1, report.tokens))
    field(
      "tokens",
      "\(Format.count(report.tokens)), of them trained \(Format.count(report.trainedTokens)) (\(percent(share))); "
        + "longest row \(Format.count(report.longest)) (line \(report.longestLine))")
    field(
      "cut",
      report.truncatedRows == 0
        ? "no row is longer than \(Format.count(limit)) tokens"
        : "\(Format.count(report.truncatedRows, "row")) to \(Format.count(limit)) tokens, losing "
          + "\(Format.count(report.truncatedTokens, "token")), \(Format.count(report.truncatedTrainedTokens)) of them trained"
    )
    if let padding = found.padding {
      field(
        "padding",
        "none here; elsewhere, in batches of \(padding.batchSize), \(percent(padding.shuffled)) shuffled, "
          + "\(percent(padding.byLength)) by length, \(percent(padding.packed)) packed")
      field(
        "packing",
        "\(Format.count(padding.packedRows, "row")) of \(limit) tokens; "
          + "\(Format.count(padding.fewestPackedRows)) at least")
    }
    terminal.line()
    histogram(found).forEach { terminal.line($0) }
  }

  private func field(_ name: String, _ words: String) {
    terminal.line("  " + name + String(repeating: " ", count: max(1, 9 - name.count)) + words)
  }

  private func percent(_ share: Double) -> String { Format.fixed(share * 100, 1) + " %" }

  /// A bar for every class of lengths.
  private func histogram(_ found: DatasetFindings) -> [String] {
    let most = max(1, found.histogram.max() ?? 1)
    var table = Table(["tokens", "rows", ""], right: [0, 1])
    for (index, edge) in found.edges.enumerated() {
      let from = index == 0 ? 1 : found.edges[index - 1]
      let rows = found.histogram[index]
      let eighths = (rows * 8 * 32 + most - 1) / most
      let bar = String(repeating: "█", count: eighths / 8) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
      table.add(["\(from)-\(edge - 1)", Format.count(rows), bar])
    }
    return table.lines
  }
}
