import Foundation
import Testing

/// Each is an error that names the thing and the remedy, exit code 1, and nothing written.
@Suite("Bad input", .serialized) struct BadInputTests {
  private func quantize(_ words: [String], _ change: (String) throws -> Void) throws {
    let folder = try TemporaryDirectory()
    let source = try DemoModel.copy(in: folder, change)
    try Command.fail(
      ["quantize", source, "--output", folder.file("out")], words, nothingAt: folder.file("out"))
  }

  private func train(_ data: String, _ words: [String], _ arguments: [String] = []) throws {
    let folder = try TemporaryDirectory()
    let file = try folder.write("rows.jsonl", data)
    try Command.fail(
      ["train", "--model", try DemoModel.quantized(), "--data", file, "--output", folder.file("out")] + arguments,
      words,
      nothingAt: folder.file("out"))
  }

  private static let row = #"{"prompt": "one", "completion": "two"}"# + "\n"

  @Test func `a missing model`() throws {
    let folder = try TemporaryDirectory()
    try Command.fail(
      ["quantize", folder.file("nowhere"), "--output", folder.file("out")], ["nowhere"], nothingAt: folder.file("out"))
    try Command.fail(["generate", "--model", folder.file("nowhere"), "--prompt", "a"], ["nowhere"])
    try Command.fail(["inspect", folder.file("nowhere")], ["nowhere"])
  }

  @Test func `a layer that the model does not have`() throws {
    try train(Self.row, ["target_modules", "matches q_proj2,k"], ["--targets", "q_proj2,k"])
  }

  @Test func `a missing shard`() throws {
    try quantize(["model-00002-of-00002.safetensors"]) { source in
      try FileManager.default.moveItem(
        atPath: source + "/model.safetensors", toPath: source + "/model-00001-of-00002.safetensors")
      let index = """
        {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors",
        "lm_head.weight": "model-00002-of-00002.safetensors"}}
        """
      try Data(index.utf8).write(to: URL(fileURLWithPath: source + "/model.safetensors.index.json"))
    }
  }

  @Test func `a truncated shard`() throws {
    try quantize(["model.safetensors"]) { source in
      let handle = try #require(FileHandle(forUpdatingAtPath: source + "/model.safetensors"))
      try handle.truncate(atOffset: try handle.seekToEnd() - 100)
    }
  }

  @Test func `a header that lies about offsets`() throws {
    try quantize(["model.safetensors"]) { source in
      try DemoModel.replace("\"data_offsets\":[0,", by: "\"data_offsets\":[8,", in: source + "/model.safetensors")
    }
  }

  @Test func `an unknown number type`() throws {
    let types = ["F32", "BF16", "F16"]
    try quantize(["model.safetensors"]) { source in
      let path = source + "/model.safetensors"
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let type = try #require(types.first { data.range(of: Data("\"dtype\":\"\($0)\"".utf8)) != nil })
      try DemoModel.replace(
        "\"dtype\":\"\(type)\"", by: "\"dtype\":\"\(String(repeating: "X", count: type.count))\"", in: path)
    }
  }

  @Test func `an architecture that is not supported`() throws {
    let folder = try TemporaryDirectory()
    let source = try DemoModel.copy(in: folder) {
      try DemoModel.replace("LlamaForCausalLM", by: "MambaForCausalLM", in: $0 + "/config.json")
    }
    let rows = try folder.write("rows.jsonl", Self.row)
    try Command.fail(
      ["train", "--model", source, "--data", rows, "--output", folder.file("out")],
      ["MambaForCausalLM", "LlamaForCausalLM"], nothingAt: folder.file("out"))
  }

  @Test func `a tokenizer that does not match the vocabulary`() throws {
    let folder = try TemporaryDirectory()
    let source = try DemoModel.copy(in: folder) { source in
      let path = source + "/tokenizer.json"
      var tokenizer = try #require(
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
      var added = tokenizer["added_tokens"] as? [[String: Any]] ?? []
      added.append(["id": 60_000, "content": "<stranger>", "special": true])
      tokenizer["added_tokens"] = added
      try JSONSerialization.data(withJSONObject: tokenizer).write(to: URL(fileURLWithPath: path))
    }
    let rows = try folder.write("rows.jsonl", Self.row)
    try Command.fail(
      ["train", "--model", source, "--data", rows, "--output", folder.file("out")], ["<stranger>", "60000"],
      nothingAt: folder.file("out"))
  }

  @Test func `rows that cannot be read`() throws {
    try train(Self.row + "{\"text\": \"a\"\n", ["line 2", "JSON"])
    try train(Self.row + Self.row + "[1]\n", ["line 3"])
    try train(#"{"question": "a"}"#, ["line 1", "question"])
    try train("", ["no rows"])
    let folder = try TemporaryDirectory()
    try Command.fail(
      ["train", "--model", try DemoModel.quantized(), "--data", folder.file("none"), "--output", folder.file("out")],
      ["none"], nothingAt: folder.file("out"))
  }

  @Test func `data in which training would be in vain stops before the first step`() throws {
    let endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    let folder = try TemporaryDirectory()
    let model = try DemoModel.copy(in: folder) { source in
      try Data(endless.utf8).write(to: URL(fileURLWithPath: source + "/chat_template.jinja"))
    }
    let rows = DemoModel.requests + "/heldout.jsonl"
    try Command.fail(
      ["train", "--model", model, "--data", rows, "--output", folder.file("out")], ["heldout.jsonl", "end token"],
      nothingAt: folder.file("out"))
    let doctor = try Command.run(["data", rows, "--model", model])
    #expect(doctor.status == 1 && doctor.output.contains("error: 100 of 100 rows do not end"), "\(doctor.output)")
  }

  @Test func `bad rows are all told, and can be left out`() throws {
    let folder = try TemporaryDirectory()
    let file = try folder.write("rows.jsonl", Self.row + "nonsense\n" + Self.row + "{\"text\": 5}\n")
    let arguments = ["data", file, "--model", try DemoModel.quantized()]
    let strict = try Command.run(arguments)
    #expect(strict.status == 1 && strict.output.contains("column 1 (line 2); "), "\(strict.output)")
    #expect(strict.output.contains("error: 'text' is a number, not a string (line 4); "), "\(strict.output)")
    try Command.succeed(arguments + ["--skip-bad-rows"])
    try train(Self.row + "nonsense\n", ["line 2", "JSON"])
    try Command.succeed([
      "train", "--model", try DemoModel.quantized(), "--data", file, "--output", folder.file("out"), "--skip-bad-rows",
    ])
    try Command.fail(arguments + ["--skip-bad-rows", "--line", "2"], ["line 2"])
  }

  @Test func `bad rows are all told where there are no others`() throws {
    let folder = try TemporaryDirectory()
    let file = try folder.write("rows.jsonl", "{\"foo\": 1}\n{\"text\": 5}\nnot json\n")
    let arguments = ["data", file, "--model", try DemoModel.quantized()]
    for arguments in [arguments, arguments + ["--skip-bad-rows"]] {
      let told = try Command.run(arguments)
      #expect(told.status == 1 && told.errors.isEmpty && told.output.contains("rows     0, 3 left out"))
      for line in 1...3 { #expect(told.output.contains("(line \(line)); "), "\(told.output)") }
    }
    let answer = try Command.run(arguments + ["--json"])
    let object = try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any]
    let findings = try #require(object?["findings"] as? [[String: Any]])
    #expect(answer.status == 1 && findings.map { $0["lines"] as? [Int] } == [[1], [2], [3]], "\(answer.output)")
  }

  @Test func `an evaluation that was asked for and has no rows`() throws {
    try train(Self.row, ["--eval-split", "two rows"], ["--eval-split", "0.5"])
  }

  @Test func `a row without a trained token`() throws {
    let long = #"{"prompt": ""# + String(repeating: "word ", count: 50) + #"", "completion": "end"}"# + "\n"
    try train(Self.row + long, ["line 2"], ["--max-length", "16"])
  }

  @Test func `targets that match nothing`() throws {
    try train(Self.row, ["none_proj"], ["--targets", "none_proj"])
    try train(Self.row, ["(("], ["--targets", "(("])
  }

  @Test func `a loss that is no number stops the run and keeps the last good state`() throws {
    let folder = try TemporaryDirectory()
    let data = try folder.write("rows.jsonl", String(repeating: Self.row, count: 8))
    let out = folder.file("out")
    try Command.fail(
      [
        "train", "--model", try DemoModel.quantized(), "--data", data, "--output", out, "--learning-rate", "1e30",
        "--schedule", "constant",
      ], ["not a finite number", "checkpoint-"])
    let names = try FileManager.default.contentsOfDirectory(atPath: out)
    let snapshot = try #require(names.first { $0.hasPrefix("checkpoint-") })
    #expect(FileManager.default.fileExists(atPath: out + "/" + snapshot + "/adapter_model.safetensors"))
    #expect(!names.contains("adapter_model.safetensors"))
  }

  @Test func `a place that cannot be written to`() throws {
    let folder = try TemporaryDirectory()
    let data = try folder.write("rows.jsonl", Self.row)
    try Command.fail(["quantize", DemoModel.source, "--output", "/dev/null/out"], ["/dev/null"])
    try Command.fail(
      ["train", "--model", try DemoModel.quantized(), "--data", data, "--output", "/dev/null/out"], ["/dev/null"])
  }

  @Test func `a place below a file is named`() throws {
    let folder = try TemporaryDirectory()
    let file = try folder.write("rows.jsonl", Self.row)
    try Command.fail(
      ["quantize", DemoModel.source, "--output", file + "/x/y"],
      ["cannot create \(file)/x/y: \(file) is not a directory\n"])
  }

  @Test func `texts that are none, and a prompt that is too long, have remedies of their own`() throws {
    let folder = try TemporaryDirectory()
    let evaluate = ["evaluate", "--model", try DemoModel.quantized(), "--data"]
    try Command.fail(
      evaluate + [try folder.write("empty.txt", "")], ["two tokens", "remedy: name a file with a longer"])
    try Data([0x43, 0xE9]).write(to: URL(fileURLWithPath: folder.file("latin1.txt")))
    try Command.fail(evaluate + [folder.file("latin1.txt")], ["latin1.txt, line 1: invalid UTF-8", "as UTF-8"])
    try Command.fail(
      evaluate + [try folder.write("a.csv", "prompt,completion\n")], ["no rows", "remedy: write records below"])
    let prompt = String(repeating: "word ", count: 1000)
    try Command.fail(
      ["generate", "--model", try DemoModel.quantized(), "--prompt", prompt],
      ["tokens, the model's context is", "shorten"])
  }

  @Test func `a full disk`() throws {
    let folder = try TemporaryDirectory()
    let data = try folder.write("rows.jsonl", Self.row)
    try Command.fail(
      ["quantize", DemoModel.source, "--output", folder.file("out")], ["out"], nothingAt: folder.file("out"),
      fileSizeLimit: 16)
    try Command.fail(
      ["train", "--model", try DemoModel.quantized(), "--data", data, "--output", folder.file("run")],
      ["adapter_model"],
      fileSizeLimit: 16)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("run"))
    #expect(left == ["metrics.jsonl"], "\(left)")
  }

  @Test func `an output that holds something`() throws {
    let model = try DemoModel.quantized()
    try Command.fail(["quantize", DemoModel.source, "--output", model], ["not empty"])
  }

  @Test func `an adapter of another model`() throws {
    let folder = try TemporaryDirectory()
    let data = try folder.write("rows.jsonl", Self.row)
    try Command.succeed([
      "train", "--model", try DemoModel.quantized(), "--data", data, "--output", folder.file("a"), "--targets",
      "q_proj",
    ])
    try DemoModel.replace("\"r\": 16", by: "\"r\": 99", in: folder.file("a/adapter_config.json"))
    try Command.fail(
      ["generate", "--model", try DemoModel.quantized(), "--adapter", folder.file("a"), "--prompt", "x"], ["lora_A"])
  }
}
