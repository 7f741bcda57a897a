import QPEFT
import Testing

/// Losses, norms and gradients of transformers + peft (+ bitsandbytes); see Tests/Fixtures/tiny-llama/PROVENANCE.md.
@Suite("Training agrees with the reference libraries") struct GoldenTrainingTests {
  struct Settings: Decodable {
    struct AdamW: Decodable {
      var learning_rate, weight_decay, max_grad_norm: Double
      var schedule: LearningRateSchedule
      var warmup_steps: Int
    }
    var base: String?
    var rank, batch_size, steps: Int
    var alpha: Float
    var optimizer: AdamW
    var losses, grad_norms: [Double]
    var rows: [[Int32]]?

    var options: TrainingOptions {
      var options = TrainingOptions()
      options.learningRate = optimizer.learning_rate
      options.schedule = optimizer.schedule
      options.warmupSteps = optimizer.warmup_steps
      options.weightDecay = optimizer.weight_decay
      options.maximumGradientNorm = optimizer.max_grad_norm
      options.batchSize = batch_size
      options.steps = steps
      options.shuffles = false
      options.checkpointing = .keepAll
      return options
    }
  }

  static func rows(_ file: SafetensorsFile) throws -> [TrainingRow] {
    let ids = try Fixture.integers(file, "input_ids")
    let mask = try Fixture.integers(file, "attention_mask")
    let labels = try Fixture.integers(file, "labels")
    return ids.indices.map { row in
      let length = mask[row].reduce(0) { $0 + Int($1) }
      return TrainingRow(
        ids: Array(ids[row][..<length]), isTrained: labels[row][..<length].map { $0 != -100 })
    }
  }

  @Test("ten steps of LoRA", arguments: ["tied-f32", "tied-f32-nf4dq", "untied-bf16-bias-nf4dq"])
  func tenSteps(name: String) throws {
    let folder = "tiny-llama/lora/" + name
    let settings = try Fixture.json(Settings.self, folder + "/golden.json")
    let golden = try SafetensorsFile(path: Fixture.path(folder + "/golden.safetensors"))
    let run = try TinyRun(settings.base ?? name, rank: settings.rank, alpha: settings.alpha)
    try run.adapters.load(Fixture.tensors(Fixture.path(folder + "/initial/adapter_model.safetensors")))
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: Self.rows(golden), options: settings.options)

    // Gradients of the first step, with and without recomputation.
    let gradients = try Fixture.tensors(Fixture.path(folder + "/golden.safetensors"))
    for checkpointing in [false, true] {
      let batch = try trainer.batches(ofStep: 0)[0]
      let tape = Tape()
      let context = LossContext(
        tape: tape, normalizer: Double(batch.trainedCount),
        recompute: RecomputePlan(checkpointing ? .blockInput : .keepAll))
      tape.backward(from: CrossEntropyLoss()(run.model, batch, context))
      for parameter in run.adapters.parameters {
        let expected = try #require(gradients["grad." + parameter.name])
        let found = try #require(parameter.gradient)
        let difference = (found + (-1 * expected)).sumOfSquares().squareRoot()
        #expect(
          difference <= 2e-5 * expected.sumOfSquares().squareRoot() + 1e-9,
          "\(parameter.name): \(difference) of \(expected.sumOfSquares().squareRoot())")
        parameter.gradient = nil
      }
    }

    for step in 0..<settings.steps {
      let metrics = try trainer.step()
      let expected = settings.losses[step]
      #expect(abs(metrics.loss - expected) <= 1e-5 * expected, "step \(step + 1): \(metrics.loss), not \(expected)")
      let norm = settings.grad_norms[step]
      #expect(
        abs(metrics.gradientNorm - norm) <= 1e-4 * norm, "step \(step + 1): norm \(metrics.gradientNorm), not \(norm)")
    }
    let final = try Fixture.tensors(Fixture.path(folder + "/final/adapter_model.safetensors"))
    for parameter in run.adapters.parameters {
      let expected = try #require(final[parameter.name])
      let difference = (parameter.value + (-1 * expected)).sumOfSquares().squareRoot()
      #expect(difference <= 1e-3 * expected.sumOfSquares().squareRoot(), "\(parameter.name): \(difference)")
    }
  }

  @Test func `a curve of twenty steps on a quantized model`() throws {
    let settings = try Fixture.json(Settings.self, "tiny-llama/curve.json")
    let run = try TinyRun("curve-bf16-nf4dq", rank: settings.rank, alpha: settings.alpha)
    for parameter in run.adapters.parameters where parameter.name.contains("lora_A") {
      parameter.value = InitialAdapterFormula.tensor(parameter.name, parameter.value.shape)
    }
    let rows = try #require(settings.rows).map {
      TrainingRow(ids: $0, isTrained: Array(repeating: true, count: $0.count))
    }
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: rows, options: settings.options)
    for step in 0..<settings.steps {
      let metrics = try trainer.step()
      let expected = settings.losses[step]
      #expect(abs(metrics.loss - expected) <= 1e-5 * expected, "step \(step + 1): \(metrics.loss), not \(expected)")
      let norm = settings.grad_norms[step]
      #expect(
        abs(metrics.gradientNorm - norm) <= 1e-4 * norm, "step \(step + 1): norm \(metrics.gradientNorm), not \(norm)")
    }
  }
}

/// The formula of Tests/Fixtures/smollm2/PROVENANCE.md.
enum InitialAdapterFormula {
  /// `bound` is 1/√inputs, as for A, unless given.
  static func tensor(_ name: String, _ shape: Shape, bound: Float? = nil) -> Tensor {
    let seed = name.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let bound = bound ?? 1 / Float(shape.columns).squareRoot()
    return Tensor(
      shape,
      (0..<shape.count).map { index in
        var z = seed &+ UInt64(index + 1) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        z ^= z >> 31
        return (Float(z >> 40) / 8_388_608 - 1) * bound
      }, in: .adapters)
  }
}
