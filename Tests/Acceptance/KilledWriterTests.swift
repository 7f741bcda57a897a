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

  @Test func `a model that is quantized is whole or not there`() throws {
    let folder = try TemporaryDirectory()
    let started = ContinuousClock.now
    try Command.succeed(["quantize", DemoModel.source, "--output", folder.file("whole")])
    let milliseconds = Int(started.duration(to: .now) / .milliseconds(1))
    var killed = 0
    for round in 0..<12 {
      let output = folder.file("model-\(round)")
      let wasKilled = try kill(
        ["quantize", DemoModel.source, "--output", output], after: 2 + milliseconds * round / 12)
      killed += wasKilled ? 1 : 0
      if FileManager.default.fileExists(atPath: output) {
        try Command.succeed(["inspect", output])
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("whole")) {
          let files = [folder.file("whole"), output].map { FileManager.default.contents(atPath: "\($0)/\(name)") }
          #expect(files[0] == files[1], "\(name) after \(round) of 12")
        }
      }
    }
    #expect(killed > 0)
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
