internal import ArgumentParser
internal import Foundation

/// Runs `qpeft plan` and `qpeft train` on one model for every length and policy, each in a fresh process, and prints a table.
struct Measure: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print planned and measured resident peaks of training as a table.",
    discussion: "The peak is the system's account of the process (VmHWM on Linux) after the last step.")

  @Option(help: "The command to measure.")
  var qpeft = ".build/release/qpeft"

  @Option(help: "Directory of the model.")
  var model: String

  @Option(parsing: .upToNextOption, help: "Tokens of a row.")
  var lengths = [512, 2048]

  @Option(parsing: .upToNextOption, help: "Values of --checkpointing.")
  var policies = ["none", "products", "block", "bf16", "disk"]

  @Option(help: "Optimizer steps; the peak is that of the first one.")
  var steps = 2

  @Option(help: "More options for train and plan, for example \"--memory-budget 1GiB\".")
  var options = ""

  @Flag(help: "Plan only.")
  var planOnly = false

  private struct Plan: Decodable {
    var resident, tensors, resident_weights, process, data: Int
  }

  private struct Step: Decodable {
    var peak_bytes: Int
    var seconds: Double
  }

  func run() throws {
    print(
      "| tokens | policy | weights | tensors | process and data | planned peak | measured peak | difference | s/step |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    for length in lengths {
      for policy in policies { try measure(length, policy) }
    }
  }

  private func measure(_ length: Int, _ policy: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memory-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = folder.appendingPathComponent("rows.jsonl")
    // More text than tokens, of letters that no tokenizer joins much; rows are cut to their length.
    var numbers = RandomNumbers(seed: UInt64(length))
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 * length, alignment: 8)
    defer { bytes.deallocate() }
    let rows = (0..<max(2, steps)).map { _ in
      numbers.fill(bytes)
      return "{\"text\": \"" + String(decoding: bytes.map { 97 + $0 % 26 }, as: UTF8.self) + "\"}"
    }
    try rows.joined(separator: "\n").write(to: data, atomically: true, encoding: .utf8)

    let common =
      ["--model", model, "--data", data.path, "--max-length", "\(length)", "--checkpointing", policy]
      + options.split(separator: " ").map(String.init)
    let output = folder.appendingPathComponent("adapter").path
    let train = ["train"] + common + ["--output", output, "--steps", "\(steps)", "--save-steps", "0"]
    let plan = try JSONDecoder().decode(Plan.self, from: launch(train + ["--dry-run", "--json"]))
    var line =
      "| \(length) | \(policy) | \(Self.mega(plan.resident_weights)) | \(Self.mega(plan.tensors)) | "
      + "\(Self.mega(plan.process + plan.data)) | \(Self.mega(plan.resident)) | "
    if planOnly {
      line += "- | - | - |"
    } else {
      _ = try launch(train)
      let metrics = try String(contentsOfFile: output + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
      guard let last = metrics.last else { throw ExitCode.failure }
      let step = try JSONDecoder().decode(Step.self, from: Data(last.utf8))
      let difference = 100 * (Double(plan.resident) / Double(step.peak_bytes) - 1)
      line += "\(Self.mega(step.peak_bytes)) | \(String(format: "%+.1f %%, ", difference))"
      line += "\(Self.mega(plan.resident - step.peak_bytes)) | \(String(format: "%.1f", step.seconds)) |"
    }
    print(line)
    fflush(nil)
  }

  /// Millions of bytes.
  private static func mega(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }

  private func launch(_ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: qpeft)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ExitCode(process.terminationStatus) }
    return output
  }
}
