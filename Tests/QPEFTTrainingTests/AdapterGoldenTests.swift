import Foundation
import QPEFT
import Testing

/// Adapters with every option that changes the mathematics, by PEFT; see Tests/Fixtures/adapters/PROVENANCE.md.
@Suite("Adapters agree with PEFT in every option", .serialized) struct AdapterGoldenTests {
  static let names = ["dora", "dora-nf4", "patterns", "bias-all", "saved", "saved-tied", "layers", "regex"]

  struct Settings: Decodable {
    var base: String
    var lora_plus_ratio, learning_rate, weight_decay, max_grad_norm: Double
    var batch_size: Int
    var losses, grad_norms: [Double]

    var options: TrainingOptions {
      var options = TrainingOptions()
      options.learningRate = learning_rate
      options.schedule = .constant
      options.weightDecay = weight_decay
      options.maximumGradientNorm = max_grad_norm
      options.batchSize = batch_size
      options.steps = losses.count
      options.shuffles = false
      return options
    }
  }

  /// The model of a folder with PEFT's adapter on it.
  struct Golden {
    let settings: Settings
    let saved: PEFTAdapterDirectory
    let file: SafetensorsFile
    let adapters: LoRAAdapters
    let model: any LanguageModel

    init(_ name: String, change: (inout LoRAConfiguration) -> Void = { _ in }) throws {
      let folder = Fixture.path("adapters/" + name)
      settings = try Fixture.json(Settings.self, "adapters/\(name)/golden.json")
      saved = try PEFTAdapterDirectory(path: folder + "/adapter")
      file = try SafetensorsFile(path: folder + "/golden.safetensors")
      var configuration = try LoRAConfiguration(saved.config)
      configuration.plusRatio = settings.lora_plus_ratio
      change(&configuration)
      adapters = try LoRAAdapters(configuration)
      let directory = try HuggingFaceDirectory(path: Fixture.path("adapters/" + settings.base))
      model = try Models.open(
        config: directory.configData, weights: directory, adapters: adapters.choice, modules: adapters.modules)
      try adapters.checkTargets()
      try adapters.load(saved.tensors)
    }

    func rows() throws -> [TrainingRow] {
      try zip(Fixture.integers(file, "input_ids"), Fixture.integers(file, "labels")).map { ids, labels in
        TrainingRow(ids: ids, isTrained: labels.map { $0 != -100 })
      }
    }

    func tensors() throws -> [String: Tensor] { try Fixture.tensors(file.file.path) }

    func trainer(checkpointing: Bool = true) throws -> Trainer {
      var options = settings.options
      options.checkpointing = checkpointing ? .blockInput : .keepAll
      return try Trainer(model: model, parameters: adapters.parameters, rows: rows(), options: options)
    }
  }

  @Test("logits of a loaded adapter", arguments: names) func logits(name: String) throws {
    let golden = try Golden(name)
    let expected = try #require(try golden.tensors()["logits"])
    let logits = golden.model.logits(try golden.trainer().batches(ofStep: 0)[0])
    let error = (logits + (-1 * Tensor(logits.shape, expected.elements))).sumOfSquares().squareRoot()
    #expect(error < 2e-6 * expected.sumOfSquares().squareRoot(), "\(name): \(error)")
  }

  @Test("gradients, with and without recomputation", arguments: names, [true, false])
  func gradients(name: String, checkpointing: Bool) throws {
    let golden = try Golden(name)
    let expected = try golden.tensors()
    let batch = try golden.trainer().batches(ofStep: 0)[0]
    let tape = Tape()
    let context = LossContext(
      tape: tape, normalizer: Double(batch.trainedCount),
      recompute: RecomputePlan(checkpointing ? .blockInput : .keepAll))
    tape.backward(from: CrossEntropyLoss()(golden.model, batch, context))
    #expect(
      Set(golden.adapters.parameters.map { "grad." + $0.name }) == Set(expected.keys.filter { $0.hasPrefix("grad") }))
    for parameter in golden.adapters.parameters {
      let wanted = try #require(expected["grad." + parameter.name])
      let found = try #require(parameter.gradient, "\(parameter.name) has no gradient")
      let error = (found + (-1 * wanted)).sumOfSquares().squareRoot()
      let size = wanted.sumOfSquares().squareRoot()
      #expect(error <= 2e-5 * size + 1e-8, "\(name) \(parameter.name): \(error) of \(size)")
    }
  }

  @Test("losses of five steps", arguments: names) func losses(name: String) throws {
    let golden = try Golden(name)
    let trainer = try golden.trainer()
    // torch's AdamW by itself, as the reference has it, lets biases and norms decay too.
    for parameter in golden.adapters.parameters { parameter.weightDecayRatio = 1 }
    for (expected, norm) in zip(golden.settings.losses, golden.settings.grad_norms) {
      let metrics = try trainer.step()
      #expect(abs(metrics.loss - expected) <= 1e-5 * expected, "step \(metrics.step): \(metrics.loss), not \(expected)")
      #expect(
        abs(metrics.gradientNorm - norm) <= 1e-4 * norm, "step \(metrics.step): \(metrics.gradientNorm), not \(norm)")
    }
  }

  @Test("the file that is saved is PEFT's, setting by setting and number by number", arguments: names)
  func saved(name: String) throws {
    let golden = try Golden(name)
    let folder = try TemporaryDirectory()
    try golden.adapters.peft(baseModel: golden.settings.base).write(to: folder.path)
    let ours = try PEFTAdapterDirectory(path: folder.path)
    #expect(ours.tensors == golden.saved.tensors)
    #expect(ours.config == golden.saved.config)
  }

  @Test("planned memory is the memory that a run takes", arguments: names, [true, false])
  func plan(name: String, checkpointing: Bool) throws {
    let trainer = try Golden(name).trainer(checkpointing: checkpointing)
    let plan = try trainer.plan()
    for _ in 0..<trainer.totalSteps { try trainer.step() }
    #expect(trainer.ledger.total.peak == plan.peak)
    #expect(trainer.ledger[.gradients].current == 0)
  }

  @Test(
    "what is merged gives the logits of the adapter", arguments: ["dora", "dora-nf4", "patterns", "bias-all", "layers"])
  func merged(name: String) throws {
    let golden = try Golden(name)
    for linear in golden.model.linears {
      guard let adapter = linear.adapter else { continue }
      let count = linear.base.weight.rows
      var weight: [Float] = []
      for range in [0..<5, 5..<count] {
        let rows = linear.base.weight.rows(range.map(Int32.init))
        weight += try #require(adapter.merged(rows, at: range)).elements
      }
      let x = Tensor.uniform([3, linear.base.weight.columns], low: -1, key: RandomKey(seed: 4))
      let merged = FrozenLinear(
        weight: DenseMatrix(Tensor([count, linear.base.weight.columns], weight)),
        bias: adapter.merged(bias: linear.base.bias))
      let tape = Tape(isRecording: false)
      let difference = linear(Variable(x, on: tape)).value + (-1 * merged(Variable(x, on: tape)).value)
      let size = linear(Variable(x, on: tape)).value.sumOfSquares().squareRoot()
      #expect(difference.sumOfSquares().squareRoot() < 1e-5 * size, "\(linear.site.name)")
    }
  }

  @Test("dropout in DoRA drops the input of the whole update, as in PEFT", arguments: [true, false])
  func doraDropout(hasBias: Bool) throws {
    let golden = try Golden(hasBias ? "dora-nf4" : "dora") {
      $0.dropout = 0.5
      if !hasBias { return }
      $0.bias = .loraOnly
    }
    let linear = try #require(golden.model.linears.first)
    let dora = try #require(linear.adapter as? DoRA)
    let x = Tensor.uniform([7, linear.base.weight.columns], low: -1, key: RandomKey(seed: 8))
    let tape = Tape(seed: 5, step: 3)
    let found = dora(Variable(x, on: tape), base: linear.base).value

    // The same mask, drawn again: y = x · Wᵀ + bias + ((m / norm) · (W + scale · B · A) − W) · z.
    let z = Variable(x, on: Tape(seed: 5, step: 3)).dropout(0.5, site: Self.site(linear.site.name)).value
    #expect(z.elements.contains(0) && z != x)
    let rows = linear.base.weight.rows((0..<linear.base.weight.rows).map(Int32.init))
    let direction = try #require(dora.merged(rows, at: 0..<linear.base.weight.rows))
    var expected = x.timesTransposed(rows) + z.timesTransposed(direction + (-1 * rows))
    if let bias = dora.merged(bias: linear.base.bias) { expected.addToRows(bias) }
    let error = (found + (-1 * expected)).sumOfSquares().squareRoot()
    #expect(error < 1e-5 * expected.sumOfSquares().squareRoot())
  }

  private static func site(_ name: String) -> UInt32 {
    name.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
  }

  @Test func `a fresh DoRA adapter changes nothing`() throws {
    let golden = try Golden("dora")
    let fresh = try LoRAAdapters(golden.adapters.configuration, seed: 3)
    let directory = try HuggingFaceDirectory(path: Fixture.path("adapters/model-tied"))
    let adapted = try Models.open(config: directory.configData, weights: directory, adapters: fresh.choice)
    let plain = try Models.open(config: directory.configData, weights: directory)
    let batch = TokenBatch(ids: [3, 9, 27, 5])
    let difference = adapted.logits(batch) + (-1 * plain.logits(batch))
    #expect(difference.sumOfSquares().squareRoot() < 1e-5 * plain.logits(batch).sumOfSquares().squareRoot())
  }

  @Test("a run that is resumed goes on bit for bit", arguments: ["dora", "saved"])
  func resume(name: String) throws {
    func makeRun(_ directory: String, resumes: Bool) throws -> (TrainingRun, Golden) {
      let golden = try Golden(name)
      let adapters = golden.adapters
      let output = TrainingOutput(directory: directory, settings: adapters.configuration.settings) {
        try adapters.peft(baseModel: "m").write(to: $0)
      }
      return (try TrainingRun(golden.trainer(), output: output, resumes: resumes), golden)
    }
    let folder = try TemporaryDirectory()
    let (straight, whole) = try makeRun(folder.path + "/a", resumes: false)
    while try straight.next() != nil {}
    let (interrupted, _) = try makeRun(folder.path + "/b", resumes: false)
    for _ in 0..<3 { _ = try interrupted.next() }
    _ = try interrupted.saveSnapshot()
    let (resumed, parts) = try makeRun(folder.path + "/b", resumes: true)
    while try resumed.next() != nil {}
    #expect(whole.adapters.tensors == parts.adapters.tensors)
  }
}

@Suite("Adapters of mlx-lm") struct MLXAdapterTests {
  struct Golden: Decodable {
    var base: String
    var ids: [Int32]
    var logits: [Float]
  }

  @Test(arguments: ["mlx-lora", "mlx-dora"]) func `give the logits that mlx-lm computes`(name: String) throws {
    let golden = try Fixture.json(Golden.self, "adapters/\(name)/golden.json")
    let path = Fixture.path("adapters/" + name)
    #expect(MLXAdapterDirectory.isFound(at: path) && !MLXAdapterDirectory.isFound(at: Fixture.path("adapters/dora")))
    let saved = try MLXAdapterDirectory(path: path).peft()
    let adapters = try LoRAAdapters(LoRAConfiguration(saved.config))
    let directory = try HuggingFaceDirectory(path: Fixture.path("adapters/" + golden.base))
    let model = try Models.open(config: directory.configData, weights: directory, adapters: adapters.choice)
    try adapters.load(saved.tensors)
    let logits = model.logits(TokenBatch(ids: golden.ids))
    let expected = Tensor(logits.shape, golden.logits)
    #expect((logits + (-1 * expected)).sumOfSquares().squareRoot() < 3e-6 * expected.sumOfSquares().squareRoot())
  }

  @Test(arguments: [
    ("{", "JSON"), (#"{"fine_tune_type": "full"}"#, "fine_tune_type"),
    (#"{"fine_tune_type": "lora"}"#, "lora_parameters"),
    (#"{"lora_parameters": {"rank": 8}}"#, "scale"),
  ])
  func `that are not understood are errors that name the key`(config: String, word: String) throws {
    let folder = try TemporaryDirectory()
    try Data(config.utf8).write(to: URL(fileURLWithPath: folder.path + "/adapter_config.json"))
    try FileManager.default.copyItem(
      atPath: Fixture.path("adapters/mlx-lora/adapters.safetensors"), toPath: folder.path + "/adapters.safetensors")
    do {
      _ = try MLXAdapterDirectory(path: folder.path)
      Issue.record("read")
    } catch let error as PEFTAdapterError { #expect("\(error)".contains(word) || word == "JSON") }
  }
}

@Suite("Adapters on the last blocks") struct TopLayersTests {
  /// Bytes that a forward pass keeps, with adapters on the given blocks of three.
  private func kept(_ layers: [Int], checkpointing: Bool) throws -> (bytes: Int, rows: Int) {
    var configuration = LoRAConfiguration()
    configuration.rank = 4
    configuration.layers = layers
    let adapters = try LoRAAdapters(configuration)
    let directory = try HuggingFaceDirectory(path: Fixture.path("tiny-llama/curve-bf16-nf4dq"))
    let model = try Models.open(config: directory.configData, weights: directory, adapters: adapters.choice)
    let batch = TokenBatch(TinyRun.rows(2))
    let ledger = MemoryLedger()
    return MemoryLedger.$current.withValue(ledger) {
      let tape = Tape()
      let hidden = model.hidden(
        batch, on: tape, recompute: RecomputePlan(checkpointing ? .blockInput : .keepAll), cache: nil)
      let bytes = ledger[.activations].current
      withExtendedLifetime((tape, hidden)) {}
      return (bytes, batch.count)
    }
  }

  @Test func `keep nothing of the blocks below`() throws {
    for checkpointing in [true, false] {
      let one = try kept([2], checkpointing: checkpointing)
      let two = try kept([1, 2], checkpointing: checkpointing)
      let all = try kept([0, 1, 2], checkpointing: checkpointing)
      #expect(one.bytes < two.bytes && two.bytes < all.bytes)
      // With recomputation a trained block keeps its input alone.
      if checkpointing { #expect(all.bytes - one.bytes == 2 * one.rows * 64 * 4) }
      if !checkpointing { #expect(all.bytes - two.bytes >= two.bytes - one.bytes) }
    }
  }

  @Test func `get the gradients that they would get below adapters that are not trained`() throws {
    func gradients(_ layers: [Int]?) throws -> [String: Tensor] {
      var configuration = LoRAConfiguration()
      configuration.rank = 4
      configuration.layers = layers
      let adapters = try LoRAAdapters(configuration, seed: 2)
      let directory = try HuggingFaceDirectory(path: Fixture.path("tiny-llama/curve-bf16-nf4dq"))
      let model = try Models.open(config: directory.configData, weights: directory, adapters: adapters.choice)
      let batch = TokenBatch(TinyRun.rows(2))
      let tape = Tape()
      tape.backward(
        from: CrossEntropyLoss()(
          model, batch, LossContext(tape: tape, normalizer: 20, recompute: RecomputePlan(.blockInput))))
      return Dictionary(uniqueKeysWithValues: adapters.parameters.compactMap { p in p.gradient.map { (p.name, $0) } })
    }
    let all = try gradients(nil)
    let top = try gradients([2])
    #expect(all.count == 42 && top.count == 14)
    for (name, gradient) in top { #expect(gradient == all[name], "\(name)") }
  }
}
