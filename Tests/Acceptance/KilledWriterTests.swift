import Foundation
import Testing

@Suite("A writer that is killed leaves nothing that opens", .serialized) struct KilledWriterTests {
  /// Starts `qpeft`, kills it after a while, and says whether it was still at work.
  private func kill(_ arguments: [String], after milliseconds: Int) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Command.path)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    usleep(UInt32(milliseconds * 1000))
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
  }

  /// Files by name: of a directory those in it, of a file itself.
  private func contents(_ path: String) -> [String: Data] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return [:] }
    let names = isDirectory.boolValue ? (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] : [""]
    return names.reduce(into: [:]) { $0[$1] = FileManager.default.contents(atPath: $1 == "" ? path : "\(path)/\($1)") }
  }

  /// Kills the command that writes `output` at moments all over its run: what then has the result's name is the whole result.
  private func expectWholeOrNothing(_ arguments: [String], writing output: String, in folder: String) throws {
    func path(_ name: String) -> String { "\(folder)/\(name)/\(output)" }
    func run(_ name: String) throws -> [String] {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      return arguments + ["--output", path(name)]
    }
    let started = ContinuousClock.now
    try Command.succeed(try run("whole"))
    let milliseconds = Int(started.duration(to: .now) / .milliseconds(1))
    let whole = contents(path("whole"))
    try #require(!whole.isEmpty)
    var killed = 0
    for round in 0..<12 {
      killed += try kill(try run("\(round)"), after: 2 + milliseconds * round / 12) ? 1 : 0
      guard FileManager.default.fileExists(atPath: path("\(round)")) else { continue }
      try Command.succeed(["inspect", path("\(round)")])
      // A GGUF file holds its own name: hence the same name in folders of their own.
      #expect(contents(path("\(round)")) == whole, "\(arguments[0]) after \(round) of 12")
    }
    #expect(killed > 0, "\(arguments[0])")
  }

  @Test func `a model that is quantized is whole or not there`() throws {
    let folder = try TemporaryDirectory()
    try expectWholeOrNothing(["quantize", DemoModel.source], writing: "model", in: folder.path)
  }

  @Test(arguments: [
    (["merge", "--no-compare"], "merged"), (["merge", "--requantize", "nf4", "--no-compare"], "merged"),
    (["export", "gguf"], "model.gguf"), (["export", "gguf-adapter"], "adapter.gguf"),
    (["export", "mlx-adapter"], "mlx"),
  ])
  func `what is merged or exported is whole or not there`(command: [String], output: String) throws {
    let folder = try TemporaryDirectory()
    let adapter = folder.file("adapter"), model = try DemoModel.quantized()
    try Command.succeed([
      "train", "--model", model, "--data", DemoModel.requests + "/train.jsonl", "--output", adapter, "--steps", "1",
      "--batch-size", "1", "--targets", "q_proj,v_proj",
    ])
    try expectWholeOrNothing(
      command + ["--model", model, "--adapter", adapter], writing: output, in: folder.path)
  }

  @Test func `an adapter in training is resumed from a snapshot that is whole, or from the beginning`() throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    func arguments(_ output: String) -> [String] {
      [
        "train", "--model", model, "--data", DemoModel.requests + "/train.jsonl", "--output", output, "--steps", "12",
        "--save-steps", "1", "--rank", "2", "--max-length", "64",
      ]
    }
    try Command.succeed(arguments(folder.file("whole")))
    let whole = FileManager.default.contents(atPath: folder.file("whole/adapter_model.safetensors"))
    var killed = 0
    for round in 0..<6 {
      let output = folder.file("adapter-\(round)")
      killed += try kill(arguments(output), after: 60 + 60 * round) ? 1 : 0
      let names = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
      let resumes = names.contains { $0.hasPrefix("checkpoint-") && Int($0.dropFirst(11)) != nil }
      if FileManager.default.fileExists(atPath: output + "/adapter_model.safetensors") {
        try Command.succeed(["inspect", output])
        continue
      }
      if !resumes { try? FileManager.default.removeItem(atPath: output) }
      try Command.succeed(arguments(output) + (resumes ? ["--resume"] : []))
      #expect(FileManager.default.contents(atPath: output + "/adapter_model.safetensors") == whole, "round \(round)")
    }
    #expect(killed > 0)
  }
}
