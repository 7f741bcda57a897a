import Foundation
import Testing

/// A model is named by a directory, a `.gguf` file, or `ORG/NAME` in the hub's cache.
@Suite("Names of models, with the built command", .serialized) struct ModelNameTests {
  private static let gguf = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/gguf/tiny-llama.gguf").path

  private func rows(_ folder: TemporaryDirectory) throws -> String {
    let path = folder.file("rows.jsonl")
    let rows = (0..<8).map { #"{"prompt": "say \#($0)", "completion": "hello \#($0 % 2)"}"# }
    try Data(rows.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test func `a GGUF file is trained on, evaluated, planned, looked into and generates, as it is`() throws {
    let folder = try TemporaryDirectory()
    let data = try rows(folder), adapter = folder.file("adapter")
    let base = ["--model", Self.gguf]
    let output = try Command.succeed(
      ["train", "--data", data, "--output", adapter, "--steps", "20", "--learning-rate", "1e-2", "--rank", "4"] + base)
    for word in ["q4_1", "q8_0", "q5_0", "f16", "bf16", "done"] { #expect(output.contains(word), "no \(word)") }
    func loss(_ more: [String]) throws -> Double {
      let text = try Command.succeed(["evaluate", "--data", data, "--json"] + base + more)
      let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      return try #require(json?["loss"] as? Double)
    }
    #expect(try loss(["--adapter", adapter]) < 0.95 * loss([]))
    let generate = ["generate", "--chat", "--prompt", "hello", "--max-tokens", "5", "--adapter", adapter] + base
    #expect(try Command.succeed(generate) == Command.succeed(generate))
    #expect(try Command.succeed(["plan", "--max-length", "64"] + base).contains("resident peak"))
    #expect(try Command.succeed(["data", data] + base).contains("rows     8"))
  }

  @Test func `a model of the hub's cache has its name there, and one that is not there is said to be missing`() throws {
    let folder = try TemporaryDirectory()
    let commit = "0123456789abcdef0123456789abcdef01234567"
    let root = folder.file("hub/models--org--tiny")
    for name in ["blobs", "refs", "snapshots/\(commit)"] {
      try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
    }
    try FileManager.default.copyItem(atPath: Self.gguf, toPath: root + "/blobs/abc")
    try FileManager.default.createSymbolicLink(
      atPath: "\(root)/snapshots/\(commit)/tiny.gguf", withDestinationPath: "../../blobs/abc")
    try Data(commit.utf8).write(to: URL(fileURLWithPath: root + "/refs/main"))
    let environment = ["HF_HUB_CACHE": folder.file("hub"), "HF_HUB_OFFLINE": "1"]
    let data = try rows(folder)
    func run(_ arguments: [String]) throws -> Command {
      try Command.run(arguments, environment: environment)
    }
    for name in ["org/tiny", "org/tiny@main", "org/tiny@\(commit)"] {
      let result = try run(["evaluate", "--model", name, "--data", data])
      #expect(result.status == 0 && result.output.contains("loss"), "\(name): \(result.errors)")
    }
    let pulled = try run(["pull", "org/tiny"])
    #expect(pulled.status == 0 && pulled.output.contains("snapshots/\(commit)"), "\(pulled.errors)")
    let adapter = folder.file("adapter"), base = ["--model", "org/tiny"]
    let taken = [
      ["inspect", "org/tiny", "--source", "org/tiny"], ["quantize", "org/tiny", "--output", folder.file("nf4")],
      ["plan", "--max-length", "32"] + base, ["tokenize"] + base, ["data", data] + base,
      ["train", "--data", data, "--output", adapter, "--steps", "1"] + base,
      ["generate", "--prompt", "hello", "--max-tokens", "2", "--adapter", adapter] + base,
      ["merge", "--adapter", adapter, "--output", folder.file("merged"), "--base", "original", "org/tiny"] + base,
      ["export", "gguf", "--adapter", adapter, "--output", folder.file("x.gguf")] + base,
      ["export", "gguf-adapter", "--adapter", adapter, "--output", folder.file("a.gguf")] + base,
      ["export", "mlx-adapter", "--adapter", adapter, "--output", folder.file("mlx")] + base,
    ]
    for arguments in taken {
      // A model that is not there is an error, and nothing is fetched behind one's back.
      let missing = try run(arguments.map { $0 == "org/tiny" ? "org/other" : $0 })
      #expect(missing.status == 1, "\(arguments)")
      #expect(
        missing.errors.contains("org/other") && missing.errors.contains("qpeft pull org/other"), "\(missing.errors)")
      let result = try run(arguments)
      #expect(result.status == 0, "\(arguments): \(result.errors)")
    }
    let pull = try run(["pull", "org/other"])
    #expect(pull.status == 1 && pull.errors.contains("org/other"), "\(pull.errors)")
    #expect(try run(["pull", "nothing"]).status == 64)
  }
}
