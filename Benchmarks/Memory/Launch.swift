internal import ArgumentParser
internal import Foundation

/// What every measurement asks for.
struct Measured: ParsableArguments {
  @Option(help: "The command to measure.")
  var qpeft = ".build/release/qpeft"

  @Option(help: "Directory of the model.")
  var model: String

  var launch: Launch { Launch(qpeft: qpeft) }
}

/// The command that is measured, always in a process of its own.
struct Launch {
  let qpeft: String

  /// Runs it and returns what it prints; its errors go where ours do.
  @discardableResult
  func callAsFunction(_ arguments: [String]) throws -> Data {
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

/// A line of `metrics.jsonl`.
struct Step: Decodable {
  var peak_bytes, tokens: Int
  var seconds, loss: Double

  static func all(in output: String) throws -> [Step] {
    try String(contentsOfFile: output + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Step.self, from: Data($0.utf8))
    }
  }
}

/// Files of one measurement, removed when it ends.
final class Workshop {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("memory-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes rows of random letters, which no tokenizer joins much, and returns the file's path.
  func rows(letters: [Int]) throws -> String {
    let lines = letters.enumerated().map { number, count in
      var numbers = RandomNumbers(seed: UInt64(1000 * count + number))
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: (count + 7) / 8 * 8, alignment: 8)
      defer { bytes.deallocate() }
      numbers.fill(bytes)
      return "{\"text\": \"" + String(decoding: bytes.prefix(count).map { 97 + $0 % 26 }, as: UTF8.self) + "\"}"
    }
    let file = path + "/rows.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }
}

/// Millions of bytes.
func mega(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }
