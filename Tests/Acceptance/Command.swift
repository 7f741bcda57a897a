import Foundation
import Testing

/// The built command, run from outside.
struct Command {
  var status: Int32
  var output: String
  var errors: String

  /// `qpeft` beside the test bundle.
  static let path: String = {
    let bundle =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("qpeft").path
  }()

  /// Runs `qpeft` to its end; with `environment`, beside these variables.
  static func run(
    _ arguments: [String], fileSizeLimit blocks: Int? = nil, addressSpaceLimit bytes: Int? = nil, input: String? = nil,
    environment: [String: String] = [:]
  ) throws -> Command {
    let process = Process()
    let limits = [blocks.map { "ulimit -f \($0)" }, bytes.map { "ulimit -v \($0 >> 10)" }].compactMap { $0 }
    let shell = limits.isEmpty ? nil : limits.joined(separator: "; ") + "; exec \"$0\" \"$@\""
    process.executableURL = URL(fileURLWithPath: shell == nil ? path : "/bin/bash")
    process.arguments = shell.map { ["-c", $0, path] + arguments } ?? arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let directory = try TemporaryDirectory()
    let files = ["out", "err"].map { directory.file($0) }
    for file in files { try Data().write(to: URL(fileURLWithPath: file)) }
    process.standardOutput = FileHandle(forWritingAtPath: files[0])
    process.standardError = FileHandle(forWritingAtPath: files[1])
    if let input {
      try Data(input.utf8).write(to: URL(fileURLWithPath: directory.file("in")))
      process.standardInput = FileHandle(forReadingAtPath: directory.file("in"))
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    process.waitUntilExit()
    return Command(
      status: process.terminationStatus, output: try String(contentsOfFile: files[0], encoding: .utf8),
      errors: try String(contentsOfFile: files[1], encoding: .utf8))
  }

  /// Expects success and returns the standard output.
  @discardableResult
  static func succeed(_ arguments: [String], input: String? = nil) throws -> String {
    let command = try run(arguments, input: input)
    #expect(command.status == 0, "\(arguments): \(command.errors)")
    return command.output
  }

  /// Expects success and returns the largest resident memory that the system saw while it ran.
  static func peakResidentBytes(_ arguments: [String]) throws -> Int {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    var peak = 0
    while process.isRunning {
      let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      peak = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 } ?? peak
      usleep(2000)
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(arguments)")
    return peak
  }

  /// Expects exit code 1, an error with these words, a remedy, and nothing at `output`.
  static func fail(
    _ arguments: [String], _ words: [String], nothingAt output: String? = nil, fileSizeLimit: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let command = try run(arguments, fileSizeLimit: fileSizeLimit)
    #expect(
      command.status == 1, "\(command.status): \(command.output)\(command.errors)", sourceLocation: sourceLocation)
    #expect(command.errors.hasPrefix("error: "), "\(command.errors)", sourceLocation: sourceLocation)
    #expect(command.errors.contains("\nremedy: "), "\(command.errors)", sourceLocation: sourceLocation)
    #expect(command.errors.split(separator: "\n").count == 2, "\(command.errors)", sourceLocation: sourceLocation)
    for word in words {
      #expect(command.errors.contains(word), "no \(word) in: \(command.errors)", sourceLocation: sourceLocation)
    }
    if let output {
      let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path
      let name = URL(fileURLWithPath: output).lastPathComponent
      let left = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasPrefix(name) }
      #expect(left.isEmpty, "left behind: \(left)", sourceLocation: sourceLocation)
    }
  }
}

/// A directory that is removed when the test ends.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  /// Writes a text file and returns its path.
  func write(_ name: String, _ text: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }
}

/// The tiny model that the repository carries, as it is and quantized.
enum DemoModel {
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures").path
  static let source = fixtures + "/demo-model"
  static let requests = URL(fileURLWithPath: fixtures + "/../../Docs/Examples/requests").standardizedFileURL.path
  private static let folder = Result { try TemporaryDirectory() }

  /// The quantized model, made once.
  static func quantized() throws -> String {
    let path = try folder.get().file("model")
    if !FileManager.default.fileExists(atPath: path) {
      try Command.succeed(["quantize", source, "--output", path])
    }
    return path
  }

  /// A copy of the source whose files `change` may spoil.
  static func copy(in directory: TemporaryDirectory, _ change: (String) throws -> Void) throws -> String {
    let path = directory.file("source")
    try FileManager.default.copyItem(atPath: source, toPath: path)
    try change(path)
    return path
  }

  /// Replaces text in a file, byte by byte.
  static func replace(_ old: String, by new: String, in path: String) throws {
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    let range = try #require(data.range(of: Data(old.utf8)), "\(old) is not in \(path)")
    data.replaceSubrange(range, with: Data(new.utf8))
    try data.write(to: URL(fileURLWithPath: path))
  }
}
