import Foundation
import Testing

@Suite("The main job, with the built command", .serialized) struct MainJobTests {
  private func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func `quantize, train, evaluate, generate`() throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    let files = Set(try FileManager.default.contentsOfDirectory(atPath: model))
    #expect(files.isSuperset(of: ["config.json", "model.safetensors", "tokenizer.json"]))

    let adapter = folder.file("adapter")
    let before = try json(
      Command.succeed(["evaluate", "--model", model, "--data", DemoModel.requests + "/heldout.jsonl", "--json"]))
    let output = try Command.succeed([
      "train", "--model", model, "--data", DemoModel.requests + "/train.jsonl", "--output", adapter, "--steps", "12",
      "--batch-size", "4", "--learning-rate", "5e-3", "--rank", "4", "--alpha", "8", "--eval-data",
      DemoModel.requests + "/heldout.jsonl", "--max-length", "200",
    ])
    for word in ["machine", "kernels", "nf4", "trained parameters", "planned", "600 rows", "step 12/12", "done"] {
      #expect(output.contains(word), "no \(word) in \(output)")
    }
    let lines = try String(contentsOfFile: adapter + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 12)
    for line in lines {
      #expect(
        Set(try json(String(line)).keys) == [
          "step", "loss", "learning_rate", "grad_norm", "tokens", "trained_tokens", "tokens_per_second", "peak_bytes",
          "seconds",
        ])
    }
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: adapter)) == [
        "adapter_config.json", "adapter_model.safetensors", "metrics.jsonl",
      ])
    let after = try json(
      Command.succeed([
        "evaluate", "--model", model, "--adapter", adapter, "--data", DemoModel.requests + "/heldout.jsonl", "--json",
      ]))
    let losses = try [before, after].map { try #require($0["loss"] as? Double) }
    #expect(losses[1] < 0.9 * losses[0], "\(losses)")

    let matches = try json(
      Command.succeed([
        "evaluate", "--model", model, "--adapter", adapter, "--data", DemoModel.requests + "/heldout.jsonl", "--json",
        "--exact-match",
      ]))
    #expect(matches["rows"] as? Int == 100)
    let right = try #require(matches["matches"] as? Int)
    #expect(matches["exact_match"] as? Double == Double(right) / 100)

    let generate = ["generate", "--model", model, "--adapter", adapter, "--prompt", "Turn", "--max-tokens", "12"]
    #expect(try Command.succeed(generate) == Command.succeed(generate))
    let sampled = generate + ["--temperature", "0.9", "--top-k", "50", "--top-p", "0.95", "--seed", "4"]
    #expect(try Command.succeed(sampled) == Command.succeed(sampled))
    let chat = ["generate", "--model", model, "--adapter", adapter, "--chat", "--max-tokens", "20"]
    #expect(try Command.succeed(chat + ["--prompt", "Wake me up at 7"]).hasSuffix("\n"))
    // A conversation begins as its first question alone would.
    let answer = try Command.succeed(chat + ["--prompt", "Wake me up at 7"])
    let talk = try Command.succeed(chat, input: "Wake me up at 7\nAnd at 8\n")
    #expect(talk.hasPrefix(answer) && talk.utf8.count > answer.utf8.count)
  }

  @Test func `a second run starts from an adapter`() throws {
    let folder = try TemporaryDirectory()
    let model = try DemoModel.quantized()
    let common = [
      "train", "--model", model, "--data", DemoModel.requests + "/train.jsonl", "--steps", "3", "--batch-size", "2",
      "--learning-rate", "1e-2",
    ]
    try Command.succeed(
      common + ["--output", folder.file("one"), "--rank", "2", "--alpha", "6", "--targets", "q_proj,v_proj"])
    try Command.succeed(common + ["--output", folder.file("two"), "--init-adapter", folder.file("one")])
    let configs = try ["one", "two"].map {
      try Data(contentsOf: URL(fileURLWithPath: folder.file($0) + "/adapter_config.json"))
    }
    #expect(configs[0] == configs[1])
    let facts = try json(Command.succeed(["inspect", folder.file("two"), "--json"]))["facts"] as? [String: String]
    #expect(facts?["target_modules"] == "q_proj, v_proj")
    #expect(facts?["r"] == "2")
  }

  @Test func `an interrupted run is resumed bit for bit`() throws {
    let folder = try TemporaryDirectory()
    let arguments = [
      "train", "--model", try DemoModel.quantized(), "--data", DemoModel.requests + "/train.jsonl", "--steps", "25",
      "--batch-size", "4", "--dropout", "0.1", "--rank", "4",
    ]
    try Command.succeed(arguments + ["--output", folder.file("straight")])

    let process = Process()
    process.executableURL = URL(fileURLWithPath: Command.path)
    process.arguments = arguments + ["--output", folder.file("stopped")]
    let log = folder.file("log")
    try Data().write(to: URL(fileURLWithPath: log))
    process.standardOutput = FileHandle(forWritingAtPath: log)
    try process.run()
    let metrics = folder.file("stopped/metrics.jsonl")
    for _ in 0..<3000 {
      let lines = (try? String(contentsOfFile: metrics, encoding: .utf8))?.split(separator: "\n").count ?? 0
      if lines >= 3 || !process.isRunning { break }
      usleep(2000)
    }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    let said = try String(contentsOfFile: log, encoding: .utf8)
    #expect(said.contains("--resume") && said.contains("checkpoint-"), "\(said)")

    try Command.fail(arguments + ["--output", folder.file("stopped")], ["already holds a training run"])
    try Command.fail(
      arguments + ["--output", folder.file("stopped"), "--resume", "--learning-rate", "0.5"],
      ["learning_rate was 0.0002, is 0.5"])
    try Command.succeed(arguments + ["--output", folder.file("stopped"), "--resume"])
    let adapters = try ["straight", "stopped"].map {
      try Data(contentsOf: URL(fileURLWithPath: folder.file($0) + "/adapter_model.safetensors"))
    }
    #expect(adapters[0] == adapters[1])
    #expect(try String(contentsOfFile: metrics, encoding: .utf8).split(separator: "\n").count == 25)
  }

  @Test func `rows that are too long are cut, counted, and said`() throws {
    let folder = try TemporaryDirectory()
    let text = String(repeating: "one two three four ", count: 40)
    let data = try folder.write("long.jsonl", "{\"text\": \"\(text)\"}\n{\"text\": \"short text\"}\n")
    let output = try Command.succeed([
      "train", "--model", try DemoModel.quantized(), "--data", data, "--output", folder.file("a"), "--max-length", "32",
    ])
    #expect(output.contains("1 of 2 rows are longer than the limit"), "\(output)")
  }

  @Test func `plan, inspect and doctor`() throws {
    let model = try DemoModel.quantized()
    let plan = try json(Command.succeed(["plan", "--model", model, "--max-length", "64", "--json"]))
    #expect(try #require(plan["peak"] as? Int) > 0)
    #expect(
      try Command.succeed(["plan", "--model", model, "--data", DemoModel.requests + "/train.jsonl"]).contains(
        "workspace"))
    #expect(try json(Command.succeed(["inspect", model, "--json"]))["kind"] as? String == "model")
    #expect(try Command.succeed(["inspect", model + "/model.safetensors"]).contains("quant_state"))
    let doctor = try json(Command.succeed(["doctor", "--json"]))
    #expect((doctor["kernels_supported"] as? [String])?.contains("reference") == true)
    let bandwidth = try #require(doctor["memory_bandwidth"] as? [String: Double])
    #expect(try #require(bandwidth["read_gb_per_second"]) > 0)
  }

  @Test func `the speed of the machine as rows that say what they measured`() throws {
    let found = try json(Command.succeed(["bench", "--quick", "--json"]))
    let rows = try #require(found["rows"] as? [[String: Any]])
    #expect(Set(rows.compactMap { $0["kernel"] as? String }).isSuperset(of: ["nf4_forward", "nf4_backward"]))
    for row in rows {
      #expect(
        Set(row.keys) == ["kernel", "rows", "columns", "tokens", "gflops", "sgemm_gflops", "ratio"], "\(row)")
      let speed = try #require(row["gflops"] as? Double)
      let sgemm = try #require(row["sgemm_gflops"] as? Double)
      #expect(try abs(#require(row["ratio"] as? Double) - speed / sgemm) < 1e-6 * speed / sgemm)
    }
    #expect((found["models"] as? [Any])?.count == 2)
  }

  @Test func `a look at the data before training`() throws {
    let arguments = ["data", DemoModel.requests + "/heldout.jsonl", "--model", try DemoModel.quantized()]
    let shown = try Command.succeed(arguments + ["--show", "1", "--line", "7"])
    for words in ["rows     100", "longest row", "padding", "32-63", "line 1\n", "line 7\n", "[[{\"action\""] {
      #expect(shown.contains(words), "no \(words) in \(shown)")
    }
    let answer = try json(Command.succeed(arguments + ["--show", "2", "--json"]))
    #expect((answer["report"] as? [String: Any])?["rows"] as? Int == 100)
    #expect((answer["rows"] as? [[String: Any]])?.count == 2)
    let classes = answer["histogram"] as? [[String: Any]] ?? []
    #expect(classes.reduce(0) { $0 + ($1["rows"] as? Int ?? 0) } == 100)
  }

  @Test func `several files, weighed, split and packed`() throws {
    let folder = try TemporaryDirectory()
    let csv = try folder.write("more.csv", "prompt,completion\none,two\nthree,four\n")
    let output = try Command.succeed([
      "train", "--model", try DemoModel.quantized(), "--data", DemoModel.requests + "/heldout.jsonl:0.5", "--data", csv,
      "--output", folder.file("out"), "--eval-split", "0.1", "--packing", "--max-length", "256", "--batch-size", "2",
    ])
    #expect(output.contains("evaluation loss"), "\(output)")
    #expect(output.contains("2 packed rows a step"), "\(output)")
  }

  @Test func `an evaluation says how many rows it leaves out`() throws {
    let folder = try TemporaryDirectory()
    let row = #"{"prompt": "one", "completion": "two"}"#
    let file = try folder.write("rows.jsonl", "\(row)\nnonsense\n\(row)\n[]\n")
    let arguments = ["evaluate", "--model", try DemoModel.quantized(), "--data", file, "--skip-bad-rows"]
    for arguments in [arguments, arguments + ["--exact-match"]] {
      let told = try Command.run(arguments)
      #expect(told.output.contains("2 rows, 2 left out)"), "\(told.output)")
      #expect(told.errors.contains("warning: 2 rows cannot be used and are left out (lines 2, 4)"), "\(told.errors)")
      let result = try json(Command.succeed(arguments + ["--json"]))
      #expect(result["rows"] as? Int == 2 && result["rejected_rows"] as? Int == 2, "\(result)")
    }
    let whole = try folder.write("whole.jsonl", row)
    let result = try json(
      Command.succeed(["evaluate", "--model", try DemoModel.quantized(), "--data", whole, "--json"]))
    #expect(result["rejected_rows"] as? Int == 0 && result["loss"] != nil)
  }

  @Test func `perplexity of a text`() throws {
    let text = DemoModel.fixtures + "/text-eval/prose.txt"
    let result = try json(
      Command.succeed(["evaluate", "--model", try DemoModel.quantized(), "--data", text, "--window", "128", "--json"]))
    let (tokens, windows) = (result["tokens"] as? Int ?? 0, result["rows"] as? Int ?? 0)
    #expect(windows == (tokens + 127) / 128)
    #expect(result["predicted_tokens"] as? Int == tokens - windows)
  }

  @Test func `help, version, and arguments that make no sense`() throws {
    #expect(try Command.succeed(["--help"]).contains("quantize"))
    #expect(try Command.succeed(["train", "--help"]).contains("--gradient-accumulation"))
    #expect(try Command.run(["train", "--rank", "0"]).status == 64)
    let unknown = try Command.run(["fly", "--far"])
    #expect(unknown.status == 64 && unknown.errors.contains("no command 'fly'") && unknown.errors.contains("quantize"))
  }
}
