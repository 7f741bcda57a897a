internal import ArgumentParser
internal import Foundation

/// Runs `qpeft train --dry-run` and `qpeft train` on one model for every length and policy, each in a fresh process, and prints
/// a table.
struct Measure: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print planned and measured resident peaks, and seconds of a step, as a table.",
    discussion: "The peak is the system's account of the process (VmHWM on Linux) after the last step.")

  @OptionGroup var measured: Measured

  @Option(parsing: .upToNextOption, help: "Tokens of a row.")
  var lengths = [512, 2048]

  @Option(parsing: .upToNextOption, help: "Values of --checkpointing.")
  var policies = ["none", "products", "block", "bf16", "disk"]

  @Option(help: "Optimizer steps; the peak is that of the first one, the seconds are those of the last one.")
  var steps = 2

  @Option(parsing: .unconditional, help: "More options for train, for example \"--memory-budget 1GiB\".")
  var options = ""

  @Option(help: "Also add a JSON object for each line of the table to this file.")
  var record: String?

  @Flag(help: "Plan only.")
  var planOnly = false

  private struct Plan: Decodable {
    var resident, tensors, resident_weights, process, data: Int
    var seconds_per_step: Double
  }

  /// A line of the table.
  private struct Finding: Encodable {
    var model: String
    var tokens: Int
    var policy, options: String
    var weights, tensors, other, planned: Int
    var planned_seconds: Double
    var measured: Int?
    var seconds: Double?

    var line: String {
      var line =
        "| \(tokens) | \(policy) | \(mega(weights)) | \(mega(tensors)) | \(mega(other)) | \(mega(planned)) | "
      let predicted = String(format: "%.2f", planned_seconds)
      guard let measured, let seconds else { return line + "- | - | \(predicted) | - | - |" }
      let (excess, slowness) = (Double(planned) / Double(measured) - 1, planned_seconds / seconds - 1)
      line += "\(mega(measured)) | \(String(format: "%+.1f %%", 100 * excess)), \(mega(planned - measured)) | "
      return line
        + "\(predicted) | \(String(format: "%.2f", seconds)) | \(String(format: "%+.0f %%", 100 * slowness)) |"
    }
  }

  func run() throws {
    print(
      "| tokens | policy | weights | tensors | process and data | planned peak | measured peak | difference | "
        + "predicted s/step | s/step | difference |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for length in lengths {
      for policy in policies {
        let finding = try measure(length, policy)
        print(finding.line)
        fflush(nil)
        if let record { try add(finding, to: record) }
      }
    }
  }

  private func measure(_ length: Int, _ policy: String) throws -> Finding {
    let launch = measured.launch
    let workshop = try Workshop()
    // More text than tokens; rows are cut to their length.
    let data = try workshop.rows(letters: Array(repeating: 8 * length, count: max(2, steps)))
    let output = workshop.path + "/adapter"
    let train =
      [
        "train", "--model", measured.model, "--data", data, "--max-length", "\(length)", "--checkpointing", policy,
        "--output",
        output, "--steps", "\(steps)", "--save-steps", "0",
      ] + options.split(separator: " ").map(String.init)
    let plan = try JSONDecoder().decode(Plan.self, from: launch(train + ["--dry-run", "--json"]))
    var finding = Finding(
      model: URL(fileURLWithPath: measured.model).lastPathComponent, tokens: length, policy: policy, options: options,
      weights: plan.resident_weights, tensors: plan.tensors, other: plan.process + plan.data, planned: plan.resident,
      planned_seconds: plan.seconds_per_step)
    if !planOnly {
      try launch(train)
      guard let last = try Step.all(in: output).last else { throw ExitCode.failure }
      (finding.measured, finding.seconds) = (last.peak_bytes, last.seconds)
    }
    return finding
  }

  private func add(_ finding: Finding, to record: String) throws {
    let old = FileManager.default.contents(atPath: record) ?? Data()
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try (old + encoder.encode(finding) + Data("\n".utf8)).write(to: URL(fileURLWithPath: record), options: .atomic)
  }
}
