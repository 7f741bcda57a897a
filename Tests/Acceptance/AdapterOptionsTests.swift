import Foundation
import Testing

/// Adapters and optimizers of every kind through the command.
@Suite("Adapter options", .serialized) struct AdapterOptionsTests {
  private static let row = #"{"prompt": "one", "completion": "two"}"# + "\n"

  /// Trains two steps with options; returns what was printed.
  private func train(_ folder: TemporaryDirectory, _ name: String, _ options: [String]) throws -> String {
    let rows = try folder.write("rows.jsonl", Self.row + Self.row)
    return try Command.succeed(
      [
        "train", "--model", try DemoModel.quantized(), "--data", rows, "--output", folder.file(name), "--steps", "2",
        "--learning-rate", "1e-2",
      ] + options)
  }

  private func loss(_ folder: TemporaryDirectory, _ adapter: String?) throws -> (loss: Double, warnings: String) {
    let rows = try folder.write("rows.jsonl", Self.row + Self.row)
    let command = try Command.run(
      ["evaluate", "--model", try DemoModel.quantized(), "--data", rows, "--json"]
        + (adapter.map { ["--adapter", folder.file($0)] } ?? []))
    #expect(command.status == 0, "\(command.errors)")
    let object = try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any]
    return (try #require(object?["loss"] as? Double), command.errors)
  }

  @Test func `train, and what was trained is used`() throws {
    let folder = try TemporaryDirectory()
    let plain = try loss(folder, nil).loss
    let output = try train(
      folder, "top",
      ["--layers", "1", "--use-dora", "--rank-pattern", "q_proj=3", "--rank-pattern", "nowhere=2"])
    #expect(output.contains("DoRA on 7 layers") && output.contains("nowhere matches no layer"))
    #expect(try loss(folder, "top").loss < plain)
    _ = try train(folder, "whole", ["--modules-to-save", "norm,lm_head", "--targets", "o_proj", "--bias", "all"])
    #expect(try loss(folder, "whole").loss < plain)
    for optimizer in ["adamw-8bit", "lion", "sgd", "adafactor"] {
      _ = try train(folder, optimizer, ["--optimizer", optimizer])
      #expect(try loss(folder, optimizer).loss < plain, "\(optimizer)")
    }
  }

  @Test func `adapter files with unknown settings are used with a warning, with unsupported ones refused`() throws {
    let folder = try TemporaryDirectory()
    _ = try train(folder, "a", [])
    let config = folder.file("a/adapter_config.json")
    try DemoModel.replace("\"use_rslora\": false", by: "\"use_rslora\": false, \"novelty\": 3", in: config)
    #expect(try loss(folder, "a").warnings.contains("warning: adapter_config.json: novelty"))
    try DemoModel.replace("\"novelty\": 3", by: "\"use_qalora\": true", in: config)
    let model = try DemoModel.quantized()
    try Command.fail(
      ["generate", "--model", model, "--adapter", folder.file("a"), "--prompt", "x"], ["use_qalora", "not supported"])
  }

  @Test func `names that are no layer's are told`() throws {
    let folder = try TemporaryDirectory()
    let output = try train(folder, "a", ["--targets", "q_proj,nope", "--exclude-modules", "dwon_proj"])
    #expect(output.contains("warning   target_modules: nope matches no layer of the model"), "\(output)")
    #expect(output.contains("warning   exclude_modules: dwon_proj matches no layer of the model"), "\(output)")
  }

  @Test func `more blocks than the model has are refused`() throws {
    let folder = try TemporaryDirectory()
    let rows = try folder.write("rows.jsonl", Self.row)
    let command = try Command.run([
      "train", "--model", try DemoModel.quantized(), "--data", rows, "--output", folder.file("out"), "--layers", "99",
    ])
    #expect(command.status == 1 && command.errors.contains("the model has 4 blocks"), "\(command.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
  }

  @Test func `targets that are no linear layers of blocks are refused`() throws {
    let folder = try TemporaryDirectory()
    let rows = try folder.write("rows.jsonl", Self.row)
    try Command.fail(
      [
        "train", "--model", try DemoModel.quantized(), "--data", rows, "--output", folder.file("out"), "--targets",
        "q_proj,lm_head",
      ], ["lm_head", "modules_to_save"], nothingAt: folder.file("out"))
  }
}
