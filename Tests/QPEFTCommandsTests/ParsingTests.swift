import ArgumentParser
import Foundation
import QPEFTCommands
import Testing

@Suite("Arguments") struct ParsingTests {
  static let merge = ["merge", "--model", "m", "--adapter", "a", "--output", "o"]
  static let train = ["train", "--model", "m", "--data", "d.jsonl", "--output", "o"]

  @Test(arguments: [
    ["quantize", "source", "--output", "o"],
    ["quantize", "source.gguf", "--output", "o", "--format", "fp4", "--block-size", "128", "--no-double-quant"],
    ["quantize", "source", "--output", "o", "--keep", "a", "b.*", "--json"],
    train,
    train + [
      "--rank", "4", "--alpha", "8", "--dropout", "0.1", "--targets", "q_proj,v_proj", "--learning-rate", "1e-3",
    ],
    train + ["--schedule", "cosine", "--warmup-steps", "3", "--weight-decay", "0.1", "--max-grad-norm", "0"],
    train + ["--batch-size", "2", "--gradient-accumulation", "3", "--max-length", "64", "--steps", "7", "--seed", "1"],
    train + ["--epochs", "2", "--threads", "1", "--no-shuffle", "--checkpointing", "off", "--init-adapter", "a"],
    train + ["--train-on", "all", "--resume", "--eval-data", "e.jsonl", "--eval-steps", "2", "--save-steps", "0"],
    train + ["--use-dora", "--use-rslora", "--bias", "lora_only", "--modules-to-save", "lm_head,norm"],
    train + [
      "--rank-pattern", "q_proj=4", "--rank-pattern", #"1\.mlp\.(up|down)_proj=32"#, "--alpha-pattern", "a=0.5",
    ],
    train + ["--exclude-modules", "gate_proj", "--layers", "2", "--lora-plus-ratio", "16", "--lora-bias"],
    train + ["--layers-to-transform", "0,3", "--init-lora-weights", "gaussian"],
    train + ["--optimizer", "adamw-8bit", "--beta1", "0.8", "--beta2", "0.95", "--epsilon", "1e-6"],
    train + ["--optimizer", "sgd", "--momentum", "0.8", "--nesterov"],
    train + ["--optimizer", "adafactor", "--epsilon", "1e-20"], train + ["--optimizer", "lion", "--beta2", "0.98"],
    train + ["--data", "e.csv:0.3", "--eval-split", "0.05", "--packing", "--columns", "prompt=question,completion=a"],
    train + ["--train-on", "last", "--group-by-length", "--use-chosen", "--skip-bad-rows"],
    ["data", "d.jsonl", "--model", "m", "--show", "3", "--line", "7", "--line", "9", "--batch-size", "4", "--json"],
    ["plan", "--model", "m", "--data", "d.csv", "--packing"],
    ["evaluate", "--model", "m", "--data", "a.csv.gz", "--exact-match", "--skip-bad-rows"],
    ["evaluate", "--model", "m", "--data", "a.txt", "--window", "128", "--json"],
    ["evaluate", "--model", "m", "--adapter", "a", "--data", "a.jsonl", "--exact-match"],
    ["generate", "--model", "m", "--prompt", "p", "--temperature", "0.7", "--top-k", "5", "--top-p", "0.9"],
    ["generate", "--model", "m", "--chat", "--system", "s", "--temperature", "1", "--seed", "3", "--max-tokens", "4"],
    ["generate", "--model", "m", "--prompt", "- buy milk"],
    ["generate", "--model", "m", "--chat", "--system", "--brief", "--prompt", "-1"],
    train + ["--checkpointing", "auto", "--memory-budget", "3GiB", "--resident-weights", "800 MB"],
    train + ["--dry-run", "--json", "--checkpointing", "disk"],
    train + ["--layers", "2", "--cache-activations", "c"], ["plan", "--model", "config.json", "--json"],
    train + ["--layers", "2", "--cache-activations", "c", "--cache-dtype", "bf16"],
    ["plan", "--model", "m", "--max-length", "100", "--json"], ["inspect", "m"], ["doctor", "--json"],
    ["pull", "org/name"], ["pull", "org/name@v1", "--include", "*.gguf", "*.json", "--json"],
    ["bench"], ["bench", "--quick", "--json", "--threads", "2"],
    ["inspect", "m", "--source", "s", "--tensors", "--json"], merge,
    merge + ["--base", "dequantized", "--dtype", "f16"],
    merge + ["--base", "original", "dir", "--requantize", "fp4", "--text", "t.txt", "--json"], merge + ["--no-compare"],
    ["export", "gguf", "--model", "m", "--output", "o.gguf"],
    [
      "export", "gguf", "--model", "m", "--adapter", "a", "--output", "o", "--type", "q4_k_m", "--base", "original",
      "d",
    ],
    ["export", "gguf-adapter", "--model", "m", "--adapter", "a", "--output", "o.gguf", "--json"],
    ["export", "mlx-adapter", "--model", "m", "--adapter", "a", "--output", "o"],
    ["tokenize", "--model", "m", "--json"], ["tokenize", "--model", "m", "--decode", "--no-special-tokens"],
    ["tokenize", "--model", "m", "--chat", "d.jsonl", "--train-on", "all", "--skip-bad"],
  ])
  func areUnderstood(arguments: [String]) throws { _ = try QPEFTCommand.parseAsRoot(arguments) }

  @Test(arguments: [
    ["quantise", "m"], ["quantize", "m"], ["quantize", "m", "--output", "o", "--block-size", "48"],
    ["quantize", "m", "--output", "o", "--format", "nf5"], ["train", "--model", "m"],
    train + ["--rank", "0"], train + ["--alpha", "0"], train + ["--alpha", "x"], train + ["--dropout", "1"],
    train + ["--dropout", "-0.1"], train + ["--targets", ""], train + ["--learning-rate", "nan"],
    train + ["--learning-rate=-1"], train + ["--schedule", "square"], train + ["--warmup-steps=-1"],
    train + ["--weight-decay=-1"], train + ["--max-grad-norm", "inf"], train + ["--batch-size", "0"],
    train + ["--gradient-accumulation", "0"], train + ["--max-length", "1"], train + ["--steps", "0"],
    train + ["--epochs", "0"], train + ["--steps", "1", "--epochs", "1"], train + ["--threads", "0"],
    train + ["--checkpointing", "maybe"], train + ["--train-on", "prompt"], train + ["--eval-steps", "0"],
    train + ["--data", "e:0"], train + ["--data", "e:-1"], train + ["--data", "e:1e9"], train + ["--eval-split", "1"],
    train + ["--eval-split", "0.1", "--eval-data", "e"], train + ["--packing", "--group-by-length"],
    train + ["--columns", "prompt"], train + ["--columns", "question=prompt"], train + ["--columns", "prompt=,"],
    ["data", "d"], ["data", "--model", "m"], ["data", "d", "--model", "m", "--show=-1"],
    ["data", "d", "--model", "m", "--line", "0"], ["data", "d", "--model", "m", "--batch-size", "0"],
    train + ["--memory-budget", "3 apples"], train + ["--memory-budget", "0"], train + ["--resident-weights=-1GB"],
    train + ["--json"], train + ["--cache-dtype", "bf16"],
    train + ["--cache-activations", "c", "--cache-dtype", "f16"], ["plan", "--model", "c.json", "--data", "d"],
    train + ["--save-steps=-1"], train + ["--seed=-1"],
    train + ["--bias", "some"], train + ["--use-dora", "--lora-bias"], train + ["--modules-to-save", ""],
    train + ["--rank-pattern", "q_proj"], train + ["--rank-pattern", "q_proj=0"], train + ["--rank-pattern", "=3"],
    train + ["--rank-pattern", "a=1.5"], train + ["--alpha-pattern", "a=x"], train + ["--exclude-modules", ""],
    train + ["--layers", "0"], train + ["--layers", "1", "--layers-to-transform", "0"],
    train + ["--layers-to-transform", "a"], train + ["--layers", "1", "--targets", #".*\.q_proj"#],
    train + ["--lora-plus-ratio", "0"], train + ["--init-lora-weights", "pissa"],
    train + ["--init-adapter", "a", "--lora-plus-ratio", "2"], train + ["--init-adapter", "a", "--rank", "16"],
    train + ["--init-adapter", "a", "--targets", "q_proj"], train + ["--init-adapter", "a", "--use-dora"],
    train + ["--optimizer", "adam"],
    train + ["--optimizer", "sgd", "--beta1", "0.9"], train + ["--momentum", "0.9"], train + ["--nesterov"],
    train + ["--beta2", "1"], train + ["--optimizer", "sgd", "--nesterov", "--momentum", "0"],
    ["evaluate", "--model", "m", "--data", "a.txt", "--exact-match"],
    ["evaluate", "--model", "m", "--data", "a.txt", "--window", "1"],
    ["evaluate", "--model", "m", "--data", "a.jsonl", "--window", "128"],
    ["evaluate", "--model", "m", "--data", "a.txt", "--max-length", "128"],
    ["evaluate", "--model", "m", "--data", "a.txt", "--skip-bad-rows"],
    ["evaluate", "--model", "m", "--data", "a.jsonl", "--batch-size", "0"],
    ["generate", "--model", "m"], ["generate", "--model", "m", "--prompt", ""],
    ["generate", "--model", "m", "--prompt", "p", "--system", "s"],
    ["generate", "--model", "m", "--prompt", "p", "--temperature=-1"],
    ["generate", "--model", "m", "--prompt", "p", "--temperature", "1", "--top-p", "0"],
    ["generate", "--model", "m", "--prompt", "p", "--temperature", "1", "--top-k=-1"],
    ["generate", "--model", "m", "--prompt", "p", "--top-p", "0.9"],
    ["generate", "--model", "m", "--prompt", "p", "--top-k", "5"],
    ["generate", "--model", "m", "--chat", "--seed", "5"],
    ["evaluate", "--model", "m", "--data", "a.jsonl", "--exact-match", "--batch-size", "2"],
    ["tokenize", "--model", "m", "--train-on", "all"],
    ["generate", "--model", "m", "--prompt", "p", "--max-tokens", "0"], ["inspect"], ["doctor", "--threads", "0"],
    ["pull"], ["pull", "name"], ["pull", "../name"],
    ["bench", "--threads", "0"], ["bench", "m"],
    ["merge", "--model", "m", "--output", "o"], merge + ["--base", "original"], merge + ["--base", "dequantised"],
    merge + ["--base", "original", "a", "b"], merge + ["--dtype", "f8"],
    merge + ["--dtype", "f16", "--requantize", "nf4"],
    merge + ["--requantize", "int8"], merge + ["--text", "t", "--no-compare"],
    ["export", "gguf", "--model", "m", "--output", "o", "--type", "q9"], ["export", "gguf", "--output", "o"],
    ["export", "gguf-adapter", "--model", "m", "--output", "o"], ["export", "onnx"],
    ["quantize", "m", "--output", ""], train + ["--output", ""], merge + ["--output", ""],
    ["export", "gguf", "--model", "m", "--output", ""],
    ["export", "gguf-adapter", "--model", "m", "--adapter", "a", "--output", ""],
    ["export", "mlx-adapter", "--model", "m", "--adapter", "a", "--output", ""],
    ["tokenize"], ["tokenize", "--model", "m", "--chat", "d.jsonl", "--decode"],
    ["tokenize", "--model", "m", "--chat", "d.jsonl", "--json"],
  ])
  func areRefused(arguments: [String]) {
    #expect {
      try QPEFTCommand.parseAsRoot(arguments)
    } throws: { error in
      // A misspelt option would be refused too, and test nothing.
      !QPEFTCommand.message(for: error).contains("Unknown option")
    }
  }

  /// Every option that takes an integer, with the largest there is.
  @Test(arguments: [
    (train, "--rank"), (train, "--warmup-steps"), (train, "--batch-size"), (train, "--gradient-accumulation"),
    (train, "--steps"), (train, "--epochs"), (train, "--eval-steps"), (train, "--save-steps"), (train, "--max-length"),
    (train, "--threads"), (["plan", "--model", "m"], "--batch-size"), (["plan", "--model", "m"], "--max-length"),
    (["plan", "--model", "m", "--gradient-accumulation", "4"], "--batch-size"),
    (["data", "d", "--model", "m"], "--batch-size"), (["data", "d", "--model", "m"], "--max-length"),
    (["evaluate", "--model", "m", "--data", "a.txt"], "--window"),
    (["evaluate", "--model", "m", "--data", "a.txt"], "--batch-size"),
    (["quantize", "m", "--output", "o"], "--block-size"),
  ])
  func `numbers beyond all reason are refused by the option's name`(arguments: [String], option: String) {
    for number in [Int.max, Int.max / 2 + 1, 9_000_000_000_000_000_000] {
      #expect {
        try QPEFTCommand.parseAsRoot(arguments + [option, "\(number)"])
      } throws: { error in
        QPEFTCommand.message(for: error).contains(option)
      }
    }
  }

  @Test(arguments: [
    (train, "--rank"), (train, "--alpha"), (train, "--dropout"), (train, "--layers"), (train, "--layers-to-transform"),
    (train, "--lora-plus-ratio"), (train, "--learning-rate"), (train, "--warmup-steps"), (train, "--weight-decay"),
    (train, "--max-grad-norm"), (train, "--batch-size"), (train, "--gradient-accumulation"), (train, "--steps"),
    (train, "--epochs"), (train, "--seed"), (train, "--eval-steps"), (train, "--save-steps"), (train, "--max-length"),
    (train, "--eval-split"), (train, "--beta1"), (train, "--beta2"), (train, "--epsilon"),
    (train + ["--optimizer", "sgd"], "--momentum"), (train, "--memory-budget"), (train, "--resident-weights"),
    (train, "--threads"), (["quantize", "m", "--output", "o"], "--block-size"),
    (["data", "d", "--model", "m"], "--batch-size"), (["data", "d", "--model", "m"], "--show"),
    (["data", "d", "--model", "m"], "--line"), (["evaluate", "--model", "m", "--data", "a.txt"], "--window"),
    (["evaluate", "--model", "m", "--data", "a.txt"], "--batch-size"),
    (["generate", "--model", "m", "--prompt", "p"], "--max-tokens"),
    (["generate", "--model", "m", "--prompt", "p"], "--temperature"),
    (["generate", "--model", "m", "--prompt", "p", "--temperature", "1"], "--top-k"),
    (["generate", "--model", "m", "--prompt", "p", "--temperature", "1"], "--top-p"),
    (["generate", "--model", "m", "--prompt", "p", "--temperature", "1"], "--seed"),
  ])
  func `a negative number is a wrong value, not a missing one`(arguments: [String], option: String) {
    #expect {
      try QPEFTCommand.parseAsRoot(arguments + [option, "-5"])
    } throws: { error in
      let message = QPEFTCommand.message(for: error)
      return message.contains(option) && !message.contains("Missing")
    }
  }

  /// What begins with `-` is far more likely an option than a path, a name or a choice.
  @Test func `values of paths, names and choices alone do not begin with a dash`() throws {
    var refusing: Set<String> = []
    for command in Self.commands {
      let help = QPEFTCommand.helpMessage(for: command.type)
      for option in help.matches(of: /^  (--[a-z0-9-]+) </.anchorsMatchLineEndings()).map({ String($0.1) }) {
        do { _ = try QPEFTCommand.parseAsRoot(command.words + [option, "-5"]) } catch {
          if QPEFTCommand.message(for: error).contains("Missing value") { refusing.insert(option) }
        }
      }
    }
    #expect(
      refusing == [
        "--adapter", "--alpha-pattern", "--base", "--bias", "--cache-activations", "--cache-dtype", "--chat",
        "--checkpointing", "--columns", "--compute-dtype", "--data", "--dtype", "--eval-data", "--exclude-modules",
        "--format", "--include", "--init-adapter", "--init-lora-weights", "--keep", "--model", "--modules-to-save",
        "--optimizer", "--output", "--rank-pattern", "--requantize", "--schedule", "--source", "--targets", "--text",
        "--train-on", "--type",
      ])
  }

  @Test(arguments: [
    train + ["--layers", "\(Int.max)"], train + ["--layers-to-transform", "\(Int.max)"],
    train + ["--seed", "\(UInt64.max)"],
    ["data", "d", "--model", "m", "--show", "\(Int.max)"], ["data", "d", "--model", "m", "--line", "\(Int.max)"],
    ["generate", "--model", "m", "--prompt", "p", "--max-tokens", "\(Int.max)"],
    ["generate", "--model", "m", "--prompt", "p", "--temperature", "1", "--top-k", "\(Int.max)"],
  ])
  func `numbers that the model or the data limit are understood`(arguments: [String]) throws {
    _ = try QPEFTCommand.parseAsRoot(arguments)
  }

  @Test(arguments: [
    "pull", "quantize", "train", "evaluate", "generate", "plan", "inspect", "doctor", "tokenize", "data", "bench",
    "merge", "export",
  ])
  func `every command has help with an example`(name: String) {
    let help = QPEFTCommand.helpMessage(
      for: QPEFTCommand.configuration.subcommands.first { "\($0._commandName)" == name } ?? QPEFTCommand.self)
    #expect(help.contains("qpeft \(name)"))
  }

  /// All commands and theirs, with the words that name them.
  private static var commands: [(words: [String], type: any ParsableCommand.Type)] {
    QPEFTCommand.configuration.subcommands.flatMap { command in
      [([command._commandName], command)]
        + command.configuration.subcommands.map { ([command._commandName, $0._commandName], $0) }
    }
  }

  @Test func `no line of an example is broken at 80 columns`() {
    for command in [QPEFTCommand.self] + Self.commands.map(\.type) {
      let help = QPEFTCommand.helpMessage(for: command, columns: 80).split(separator: "\n")
      let examples = command.configuration.discussion.split(separator: "\n").filter { $0.hasPrefix("  ") }
      #expect(!examples.isEmpty, "\(command)")
      for line in examples { #expect(help.contains(line), "\(command): \(line)") }
    }
  }

  @Test func `the documentation names every command and every option`() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Docs/CLI.md")
    let text = try String(contentsOf: path, encoding: .utf8)
    for command in QPEFTCommand.configuration.subcommands {
      #expect(text.contains("## \(command._commandName)\n"))
    }
    for command in QPEFTCommand.configuration.subcommands.flatMap({ [$0] + $0.configuration.subcommands }) {
      #expect(text.contains(command._commandName))
      let help = QPEFTCommand.helpMessage(for: command)
      for option in help.matches(of: /^  (?:-h, )?(--[a-z-]+)/.anchorsMatchLineEndings()).map({ String($0.1) })
      where !["--version", "--help"].contains(option) {
        #expect(text.contains(option), "\(command._commandName) \(option)")
      }
    }
  }
}
