import Foundation
import Testing

@Suite("What others use, with the built command", .serialized) struct OutTests {
  private func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  private static let folder = Result { try TemporaryDirectory() }

  /// A trained adapter, made once.
  private func adapter() throws -> String {
    let path = try Self.folder.get().file("adapter")
    if !FileManager.default.fileExists(atPath: path) {
      try Command.succeed([
        "train", "--model", try DemoModel.quantized(), "--data", DemoModel.requests + "/train.jsonl", "--output", path,
        "--steps", "6", "--batch-size", "4", "--learning-rate", "5e-3", "--rank", "4", "--max-length", "128",
      ])
    }
    return path
  }

  private func loss(_ model: String, _ adapter: String? = nil) throws -> Double {
    let more = adapter.map { ["--adapter", $0] } ?? []
    let text = try Command.succeed(
      [
        "evaluate", "--model", model, "--data", DemoModel.fixtures + "/text-eval/prose.txt", "--window", "128",
        "--json",
      ]
        + more)
    return try #require(try json(text)["loss"] as? Double)
  }

  @Test func `merge, and the result stands alone`() throws {
    let folder = try TemporaryDirectory()
    let (model, adapter) = (try DemoModel.quantized(), try adapter())
    let merge = ["merge", "--model", model, "--adapter", adapter]
    let report = try json(Command.succeed(merge + ["--output", folder.file("f32"), "--dtype", "f32", "--json"]))
    let comparison = try #require(report["comparison"] as? [String: Any])
    #expect(try #require(comparison["kl_divergence"] as? Double) < 1e-8)
    #expect(comparison["top1_agreement"] as? Double == 1)
    #expect(abs(try loss(folder.file("f32")) - loss(model, adapter)) < 1e-5)

    let said = try Command.succeed(
      merge + [
        "--output", folder.file("nf4"), "--requantize", "nf4", "--text", DemoModel.fixtures + "/text-eval/prose.txt",
      ])
    for word in ["merged    28 layers", "nf4 and bfloat16", "rounding", "KL divergence", "perplexity"] {
      #expect(said.contains(word), "no \(word) in \(said)")
    }
    let original = try Command.succeed(
      merge + ["--output", folder.file("original"), "--base", "original", DemoModel.source])
    #expect(original.contains(DemoModel.source))
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: folder.file("original"))) == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
      ])
  }

  @Test func `a GGUF file, its adapter beside it, and an mlx adapter`() throws {
    let folder = try TemporaryDirectory()
    let (model, adapter) = (try DemoModel.quantized(), try adapter())
    let file = folder.file("model.gguf")
    let said = try Command.succeed(
      ["export", "gguf", "--model", model, "--adapter", adapter, "--output", file, "--type", "q4_k"])
    for word in ["Q5_0", "Q8_0", "not whole blocks", "ollama create", "done"] {
      #expect(said.contains(word), "no \(word) in \(said)")
    }
    #expect(
      try String(contentsOfFile: folder.file("model.Modelfile"), encoding: .utf8).hasPrefix("FROM ./model.gguf\n"))
    let inspection = try json(Command.succeed(["inspect", file, "--json"]))
    #expect(inspection["kind"] as? String == "gguf")
    #expect((inspection["facts"] as? [String: String])?["tokenizer.ggml.pre"] == "smollm")
    #expect(try abs(loss(file) - loss(model, adapter)) < 0.1)
    try Command.fail(["export", "gguf", "--model", model, "--output", file], ["model.gguf exists"])

    let lora = folder.file("adapter.gguf")
    try Command.succeed(["export", "gguf-adapter", "--model", model, "--adapter", adapter, "--output", lora])
    let listed = try Command.succeed(["inspect", lora, "--tensors"])
    for word in ["adapter.lora.alpha", "blk.0.attn_q.weight.lora_a"] {
      #expect(listed.contains(word), "no \(word) in \(listed)")
    }
    let mlx = folder.file("mlx")
    try Command.succeed(["export", "mlx-adapter", "--model", model, "--adapter", adapter, "--output", mlx])
    #expect(try Command.succeed(["inspect", mlx]).contains("self_attn.q_proj.lora_b"))
  }

  @Test func `a model beside the one that it was made from`() throws {
    let model = try DemoModel.quantized()
    let said = try Command.succeed(["inspect", model, "--source", DemoModel.source])
    for word in ["nf4, double quantization", "relative error", "model.layers.3.mlp.down_proj.weight", "0.000 %"] {
      #expect(said.contains(word), "no \(word) in \(said)")
    }
    try Command.fail(["inspect", DemoModel.source, "--source", DemoModel.fixtures + "/tiny-llama/tied-f32"], ["shape"])
    try Command.fail(["inspect", try adapter(), "--source", DemoModel.source], ["is not a model"])
    try Command.fail(["inspect", "/nowhere/at/all"], ["/nowhere/at/all"])
  }

  @Test func `what cannot be merged or exported leaves nothing`() throws {
    let folder = try TemporaryDirectory()
    let (model, adapter) = (try DemoModel.quantized(), try adapter())
    let merge = ["merge", "--model", model, "--adapter", adapter, "--output", folder.file("merged")]
    try Command.fail(merge + ["--base", "original", model], ["already quantized"], nothingAt: folder.file("merged"))
    try Command.fail(
      merge + ["--base", "original", DemoModel.fixtures + "/tiny-llama/tied-f32"], ["was quantized"],
      nothingAt: folder.file("merged"))
    try Command.fail(merge, ["too large"], nothingAt: folder.file("merged"), fileSizeLimit: 200)
    try Command.fail(
      ["export", "gguf", "--model", model, "--output", folder.file("m.gguf")], ["m.gguf"],
      nothingAt: folder.file("m.gguf"),
      fileSizeLimit: 200)
    try Command.fail(
      ["export", "gguf", "--model", DemoModel.fixtures + "/nothing", "--output", folder.file("m.gguf")], ["nothing"],
      nothingAt: folder.file("m.gguf"))
  }

  @Test func `a model larger than the memory that is taken is quantized, merged and exported`() throws {
    let folder = try TemporaryDirectory()
    let model = folder.file("model"), adapter = folder.file("adapter")
    let bytes = try LargeModel.make(at: model)
    let row = try folder.write("rows.jsonl", #"{"prompt": "on", "completion": "off"}"#)
    try Command.succeed([
      "train", "--model", model, "--data", row, "--output", adapter, "--steps", "1", "--rank", "2",
    ])
    // What a merge may hold (AdapterMerge.memoryLimit), and three times as much for the process and its libraries.
    let limit = 4 * 32 << 20
    #expect(bytes > limit, "\(bytes) bytes of weights, \(limit) of memory")
    let tuned = ["--model", model, "--adapter", adapter, "--output"]
    for command in [
      ["quantize", model, "--output", folder.file("nf4")], ["merge", "--no-compare"] + tuned + [folder.file("merged")],
      ["export", "gguf"] + tuned + [folder.file("model.gguf")],
    ] {
      let peak = try Command.peakResidentBytes(command)
      #expect(peak < limit, "\(command[0]) took \(peak), limit \(limit)")
    }
  }
}
