import Foundation
import QPEFT
import QPEFTJSON
import Testing

@Suite("Exports", .serialized) struct ExportTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private static let demo = Fixture.path("demo-model")

  /// An adapter on the demo model that does something.
  private func adapter(_ configuration: LoRAConfiguration = LoRAConfiguration()) throws -> (path: String, AdaptedModel)
  {
    let tuned = try BaseModel(Self.demo).attach(configuration, seed: 3)
    for parameter in tuned.adapters?.parameters ?? [] where parameter.name.contains("lora_B") {
      parameter.value = .uniform(parameter.value.shape, low: -0.02, high: 0.02, key: RandomKey(seed: 5), in: .adapters)
    }
    try tuned.save(to: folder.path + "/adapter")
    return (folder.path + "/adapter", tuned)
  }

  @Test
  func `a GGUF file of the merged model predicts what the model with its adapter does, and writes the same words`()
    throws
  {
    let (adapter, tuned) = try adapter()
    var export = GGUFExport(model: Self.demo, adapter: adapter, output: folder.path + "/model.gguf")
    export.storage = .f32
    _ = try export.run()
    let read = try BaseModel(export.output).withoutAdapter()
    let prompt = tuned.base.text.encode("Turn the lights on in 12 rooms, and wake me at 6:45.")
    #expect(read.base.text.encode("Turn the lights on in 12 rooms, and wake me at 6:45.") == prompt)
    #expect(read.base.text.eosIDs == tuned.base.text.eosIDs)
    #expect(read.base.text.template?.source == tuned.base.text.template?.source)
    let comparison = try ModelComparison.run(tuned.model, read.model, Evaluation.windows(prompt, length: 64))
    #expect(comparison.divergence < 1e-9 && comparison.agreement == 1, "\(comparison)")
    var options = GenerationOptions()
    options.maximumTokens = 16
    let texts = try [tuned, read].map { try $0.generate("Turn", options: options).joined() }
    #expect(texts[0] == texts[1])
    #expect(throws: FileError.outputExists(path: export.output)) { try export.run() }
  }

  @Test func `an mlx adapter is transposed, scaled and filled up to one rank`() throws {
    var configuration = LoRAConfiguration()
    configuration.rank = 4
    configuration.alpha = 12
    configuration.targets = .names(["q_proj", "down_proj"])
    let (adapter, tuned) = try adapter(configuration)
    let output = folder.path + "/mlx"
    let layers = try AdapterExport(model: Self.demo, adapter: adapter, output: output, format: .mlx).run()
    #expect(layers.count == 8)
    let tensors = try Fixture.tensors(output + "/adapters.safetensors")
    #expect(tensors.count == 16)
    for parameter in tuned.adapters?.parameters ?? [] {
      let module = parameter.name.dropFirst("base_model.model.".count).split(separator: ".").dropLast(2)
      let part = parameter.name.contains("lora_A") ? "lora_a" : "lora_b"
      let found = try #require(tensors[(module + [Substring(part)]).joined(separator: ".")])
      let (rows, columns) = (parameter.value.shape.rows, parameter.value.shape.columns)
      #expect(found.shape.dimensions == [columns, rows])
      let numbers = parameter.value.elements
      let transposed = numbers.indices.map { numbers[$0 % rows * columns + $0 / rows] }
      #expect(found.elements == transposed, "\(parameter.name)")
    }
    let config = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: output + "/adapter_config.json")))
        as? [String: Any])
    let settings = try #require(config["lora_parameters"] as? [String: Any])
    #expect(config["fine_tune_type"] as? String == "lora" && config["num_layers"] as? Int == 4)
    #expect(settings["rank"] as? Int == 4 && settings["scale"] as? Double == 3)
    #expect(settings["keys"] as? [String] == ["mlp.down_proj", "self_attn.q_proj"])
  }

  @Test(
    "an adapter that is more than low rank is refused", arguments: ["bias-all", "saved"], AdapterExport.Format.allCases)
  func refusesMore(name: String, format: AdapterExport.Format) throws {
    let base = try Fixture.json(AdapterGoldenTests.Settings.self, "adapters/\(name)/golden.json").base
    let export = AdapterExport(
      model: try ByteTokenizer.model(base, of: "adapters", in: folder.path),
      adapter: Fixture.path("adapters/\(name)/adapter"), output: folder.path + "/out", format: format)
    #expect(throws: AdapterExportError.self) { try export.run() }
    #expect(!FileManager.default.fileExists(atPath: export.output))
  }

  @Test("an mlx adapter that was written is read as the same adapter", arguments: ["dora", "patterns"])
  func mlxRoundTrip(name: String) throws {
    let base = try Fixture.json(AdapterGoldenTests.Settings.self, "adapters/\(name)/golden.json").base
    let model = try ByteTokenizer.model(base, of: "adapters", in: folder.path)
    let adapter = Fixture.path("adapters/\(name)/adapter")
    try AdapterExport(model: model, adapter: adapter, output: folder.path + "/mlx", format: .mlx).run()
    let opened = try BaseModel(model)
    let comparison = try ModelComparison.run(
      opened.attach(adapter: adapter).model, opened.attach(adapter: folder.path + "/mlx").model,
      Evaluation.windows(Array(3..<50), length: 47))
    #expect(comparison.divergence < 1e-9 && comparison.agreement == 1, "\(comparison)")
  }

  @Test func `a Modelfile says the model's own template in Ollama's language`() throws {
    var export = GGUFExport(model: Self.demo, output: folder.path + "/model.gguf")
    export.storage = .q8_0
    _ = try export.run()
    let text = try String(contentsOfFile: folder.path + "/model.Modelfile", encoding: .utf8)
    #expect(
      text == """
        FROM ./model.gguf
        TEMPLATE \"""{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system
        {{ .Content }}<|im_end|>
        {{ else if eq .Role "user" }}<|im_start|>user
        {{ .Content }}<|im_end|>
        {{ else if eq .Role "assistant" }}<|im_start|>assistant
        {{ .Content }}<|im_end|>
        {{ end }}{{ end }}<|im_start|>assistant
        \"""
        PARAMETER stop "<|im_end|>"

        """)
  }

  @Test func `templates are put into Ollama's language where they are words around turns, and only there`() throws {
    let llama3 = """
      {{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim \
      + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
      """
    var turns = try #require(ChatTurns(try ChatTemplate(llama3, variables: ["bos_token": "<|begin|>"])))
    #expect(turns.goTemplate.hasPrefix("<|begin|>{{ range .Messages }}"))
    #expect(turns.goTemplate.hasSuffix("{{ end }}{{ end }}<|start_header_id|>assistant<|end_header_id|>\n\n"))
    #expect(turns.defaultSystem == nil)
    turns.drop("<|begin|>")
    #expect(turns.goTemplate.hasPrefix("{{ range .Messages }}"))

    let withDefault = """
      {% for m in messages %}{% if loop.first and m['role'] != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}\
      {{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}\
      {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
      """
    #expect(ChatTurns(try ChatTemplate(withDefault))?.defaultSystem == "Be kind.")

    // Numbered turns are more than words around turns.
    let numbered = "{% for m in messages %}{{ loop.index }}: {{ m['content'] }}\n{% endfor %}"
    #expect(ChatTurns(try ChatTemplate(numbered)) == nil)
  }

  @Test func `a model is inspected against the one that it was made from`() throws {
    let output = folder.path + "/nf4"
    let report = try CheckpointQuantizer(source: Self.demo, output: output).run()
    var inspection = try Inspection(output)
    #expect(inspection.kind == .model && inspection.facts["quantization"] == "nf4, double quantization")
    #expect(inspection.groups.map(\.type) == ["nf4", "BF16"])
    #expect(inspection.groups.reduce(0) { $0 + $1.parameters } == report.parameterCount)
    try inspection.compare(with: Self.demo)
    let errors = try #require(inspection.errors)
    for layer in report.layers {
      let error = try #require(errors.first { $0.name == layer.name })
      #expect(abs(error.relativeError - layer.relativeError) < 1e-6, "\(error)")
    }
    #expect(errors.filter { $0.type != "nf4" && $0.relativeError != 0 }.isEmpty)
    #expect(throws: CheckpointError.self) { try inspection.compare(with: Fixture.path("tiny-llama/tied-f32")) }
  }
}
