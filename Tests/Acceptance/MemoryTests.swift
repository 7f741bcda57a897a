import Foundation
import Testing

@Suite("Memory, with the built command", .serialized) struct MemoryTests {
  private struct Plan: Decodable {
    struct Layout: Decodable {
      struct Recompute: Decodable {
        var lower, upper: String
        var upper_count: Int
      }
      var recompute: Recompute
      var rows: Int
    }
    var layout: Layout
    var resident, tensors, resident_weights, weights, data, process: Int
    var budget: Int?
    var tokens: Int
    var seconds_per_step: Double?
  }

  private struct Step: Decodable {
    var peak_bytes: Int
    var loss: Double
  }

  private static let rows = DemoModel.requests + "/train.jsonl"

  private static func train(_ model: String, _ output: String, _ options: [String]) -> [String] {
    ["train", "--model", model, "--data", rows, "--output", output, "--steps", "2", "--save-steps", "0"] + options
  }

  private func plan(_ arguments: [String]) throws -> Plan {
    try JSONDecoder().decode(Plan.self, from: Data(Command.succeed(arguments).utf8))
  }

  private func steps(_ output: String) throws -> [Step] {
    try String(contentsOfFile: output + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Step.self, from: Data($0.utf8))
    }
  }

  @Test(arguments: ["none", "products", "block", "bf16", "disk"])
  func `the resident peak is the planned one within 16 MiB`(policy: String) throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    let options = ["--checkpointing", policy, "--batch-size", "8", "--max-length", "400"]
    let arguments = Self.train(model, folder.file("run"), options)
    let plan = try plan(arguments + ["--dry-run", "--json"])
    #expect(!FileManager.default.fileExists(atPath: folder.file("run")), "a dry run writes nothing")
    #expect(plan.layout.recompute.lower == policy && plan.layout.rows == 8)
    try Command.succeed(arguments)
    let peak = try #require(try steps(folder.file("run")).last).peak_bytes
    #expect(abs(plan.resident - peak) < 16 << 20, "planned \(plan.resident), measured \(peak)")
  }

  @Test func `plan and a dry run of training say the same`() throws {
    let model = try DemoModel.quantized()
    let options = ["--model", model, "--data", Self.rows, "--max-length", "200", "--batch-size", "4", "--json"]
    let alone = try plan(["plan"] + options)
    let dry = try plan(["train", "--output", "nowhere", "--dry-run"] + options)
    #expect(alone.tensors == dry.tensors && alone.tokens == dry.tokens)
    #expect(alone.layout.recompute.lower == "none" && alone.budget != nil)
    let table = try Command.succeed(["plan"] + options.dropLast())
    for word in ["mapped weights", "saved activations", "recompute peak", "resident peak", "longest batch", "budget"] {
      #expect(table.contains(word), "no \(word) in \(table)")
    }
  }

  @Test func `a configuration alone is planned as its quantized model`() throws {
    let model = try DemoModel.quantized()
    let options = ["--max-length", "200", "--batch-size", "2", "--checkpointing", "block", "--json"]
    let whole = try plan(["plan", "--model", model] + options)
    let alone = try plan(["plan", "--model", DemoModel.source + "/config.json"] + options)
    #expect(alone.tensors == whole.tensors && alone.weights == whole.weights && alone.tokens == whole.tokens)
    #expect(alone.resident_weights == whole.resident_weights)
    #expect(try #require(alone.seconds_per_step) > 0 && #require(whole.seconds_per_step) > 0)
    try Command.fail(["plan", "--model", model + "/no.json"], ["no.json"])
  }

  @Test func `rows of the lower blocks are kept, and a run that reads them makes the same adapter`() throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    func adapter(_ name: String, _ options: [String]) throws -> Data {
      try Command.succeed(
        [
          "train", "--model", model, "--data", Self.rows, "--output", folder.file(name), "--steps", "6", "--save-steps",
          "3", "--max-length", "100", "--layers", "1",
        ] + options)
      return try Data(contentsOf: URL(fileURLWithPath: folder.file(name) + "/adapter_model.safetensors"))
    }
    let cache = ["--cache-activations", folder.file("cache")]
    let plain = try adapter("plain", [])
    #expect(try adapter("first", cache) == plain)
    #expect(try adapter("second", cache) == plain)
    // Another length is other rows; what is there stays good.
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.file("cache"))
    _ = try adapter("short", cache + ["--max-length", "60"])
    #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.file("cache")).count > files.count)
    // From the snapshot in the middle.
    let half = folder.file("second/checkpoint-3")
    try FileManager.default.removeItem(atPath: folder.file("second/adapter_model.safetensors"))
    #expect(FileManager.default.fileExists(atPath: half))
    #expect(try adapter("second", cache + ["--resume"]) == plain)
    try Command.fail(
      ["train", "--model", model, "--data", Self.rows, "--output", folder.file("none")] + cache, ["--layers"],
      nothingAt: folder.file("none"))
  }

  @Test func `a disk without room for the cache stops the run and leaves nothing half-written`() throws {
    let folder = try TemporaryDirectory()
    try Command.fail(
      Self.train(
        try DemoModel.quantized(), folder.file("run"), ["--layers", "1", "--cache-activations", folder.file("cache")]),
      ["cache of activations"], fileSizeLimit: 16)
    let left = try FileManager.default.subpathsOfDirectory(atPath: folder.file("cache"))
    #expect(left.allSatisfy { !$0.contains(".rows") }, "\(left)")
  }

  @Test func `a budget is held, with the same losses, and one that is too small is refused with what would fit`() throws
  {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    let options = ["--batch-size", "8", "--max-length", "400"]
    let free = try plan(Self.train(model, folder.file("a"), options + ["--dry-run", "--json"]))
    try Command.succeed(Self.train(model, folder.file("free"), options))
    // Nine tenths of the tensors.
    let budget = free.resident - free.tensors / 10
    let limited = options + ["--memory-budget", "\(budget)"]
    let plan = try plan(Self.train(model, folder.file("b"), limited + ["--dry-run", "--json"]))
    #expect(plan.resident <= budget && plan.budget == budget)
    #expect(plan.layout.recompute.lower != "none" || plan.layout.recompute.upper_count > 0 || plan.layout.rows < 8)
    try Command.succeed(Self.train(model, folder.file("limited"), limited))
    let losses = try ["free", "limited"].map { try steps(folder.file($0)).map(\.loss) }
    for (a, b) in zip(losses[0], losses[1]) { #expect(abs(a - b) < 1e-5 * a) }
    try Command.fail(
      Self.train(model, folder.file("none"), options + ["--memory-budget", "20MiB"]),
      ["budget", "what would fit", "--memory-budget"], nothingAt: folder.file("none"))
  }

  @Test func `a base of which a part is resident trains to the same bits`() throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    try Command.succeed(Self.train(model, folder.file("whole"), []))
    try Command.succeed(Self.train(model, folder.file("part"), ["--resident-weights", "400kB"]))
    let files = try ["whole", "part"].map {
      try Data(contentsOf: URL(fileURLWithPath: folder.file($0) + "/adapter_model.safetensors"))
    }
    #expect(files[0] == files[1])
    try Command.fail(
      Self.train(model, folder.file("none"), ["--resident-weights", "10kB"]), ["resident weights"],
      nothingAt: folder.file("none"))
  }

  @Test func `memory is flat over rows of many lengths`() throws {
    let folder = try TemporaryDirectory()
    // The longest row comes first; then lengths go up and down.
    let lengths = [2000] + (1..<150).map { 16 + $0 * 397 % 1900 }
    let text = lengths.map { "{\"text\": \"" + String(repeating: "kqz j", count: $0 / 5) + "\"}" }
    let data = try folder.write("rows.jsonl", text.joined(separator: "\n"))
    try Command.succeed([
      "train", "--model", try DemoModel.quantized(), "--data", data, "--output", folder.file("run"), "--steps", "150",
      "--save-steps", "0", "--max-length", "400", "--no-shuffle", "--rank", "4",
    ])
    let peaks = try steps(folder.file("run")).map(\.peak_bytes)
    #expect(peaks.count == 150)
    // What still grows is what the tokenizer remembers of words and the part of the data that was read.
    #expect(peaks[149] - peaks[9] < 4 << 20, "\(peaks[9]) and \(peaks[149])")
  }

  @Test func `a disk without room for activations stops the run before its first step`() throws {
    let folder = try TemporaryDirectory()
    try Command.fail(
      Self.train(try DemoModel.quantized(), folder.file("run"), ["--checkpointing", "disk"]),
      ["no room", "activations"], fileSizeLimit: 16)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("run"))
    #expect(left == ["metrics.jsonl"], "\(left)")
  }

  @Test func `a system without memory is an error before the first step`() throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    let arguments = Self.train(
      model, folder.file("run"), ["--batch-size", "64", "--max-length", "400", "--checkpointing", "none"])
    let plan = try plan(arguments + ["--dry-run", "--json"])
    // As much address space as the process has when it plans, and half of what its tensors need.
    let virtual = try #require(try Self.virtualSize(of: arguments + ["--dry-run"]))
    let limited = try Command.run(arguments, addressSpaceLimit: virtual + plan.tensors / 2)
    #expect(limited.status == 1, "\(limited.status): \(limited.errors)")
    #expect(limited.errors.contains("the system has no memory for"), "\(limited.errors)")
  }

  @Test func `adapters that the system has no memory for are an error too`() throws {
    let folder = try TemporaryDirectory()
    let limited = try Command.run(
      Self.train(try DemoModel.quantized(), folder.file("run"), ["--rank", "60000"]), addressSpaceLimit: 3 << 29)
    #expect(limited.status == 1, "\(limited.status): \(limited.errors)")
    #expect(limited.errors.contains("the system has no memory for"), "\(limited.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
  }

  /// The least address space, to 16 MiB, with which a command succeeds; nil where the system has no such limit.
  private static func virtualSize(of arguments: [String]) throws -> Int? {
    for size in stride(from: 256 << 20, to: 4 << 30, by: 64 << 20) {
      if try Command.run(arguments, addressSpaceLimit: size).status == 0 { return size }
    }
    return nil
  }
}
