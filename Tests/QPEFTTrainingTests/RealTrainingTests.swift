import Foundation
import QPEFT
import Testing

/// SmolLM2-135M-Instruct as a GGUF file, which `make test` fetches where there is a network; QPEFT_SMOLLM2 is its path.
private let smolLM2 = ProcessInfo.processInfo.environment["QPEFT_SMOLLM2"]

/// Numbers of transformers + peft + bitsandbytes; see Tests/Fixtures/smollm2/PROVENANCE.md.
@Suite("SmolLM2-135M trains as with the reference libraries", .serialized, .enabled(if: smolLM2 != nil))
struct RealTrainingTests {
  struct Gradient: Decodable {
    let key: String
    let norm: Double
    let samples: [Float]
  }
  struct Gradients: Decodable {
    struct Probe: Decodable {
      let b_bound: Float
      let loss: Double
      let gradients: [Gradient]
    }
    let step_1_gradients: [Gradient]
    let probe: Probe
  }

  /// The run of the golden numbers, on a model that is written to `output`.
  private func run(
    in output: String, _ change: (inout TrainingOptions) -> Void = { _ in }
  ) throws -> (Trainer, LoRAAdapters, any LanguageModel, GoldenTrainingTests.Settings) {
    // The golden numbers keep the embedding in float32.
    _ = try CheckpointQuantizer(source: try #require(smolLM2), output: output, keptType: .f32).run()
    let directory = try HuggingFaceDirectory(path: output)
    let settings = try Fixture.json(GoldenTrainingTests.Settings.self, "smollm2/curve-nf4dq.json")
    var configuration = LoRAConfiguration()
    configuration.rank = settings.rank
    configuration.alpha = settings.alpha
    let adapters = try LoRAAdapters(configuration)
    let model = try Models.open(config: directory.configData, weights: directory, adapters: adapters.choice)
    let rows = try #require(settings.rows).map {
      TrainingRow(ids: $0, isTrained: Array(repeating: true, count: $0.count))
    }
    var options = settings.options
    change(&options)
    let trainer = try Trainer(model: model, parameters: adapters.parameters, rows: rows, options: options)
    return (trainer, adapters, model, settings)
  }

  /// Theirs also round results of products to bfloat16; both are as far from float32 as from each other.
  @Test func `in bfloat16, losses are those of bnb_4bit_compute_dtype bfloat16`() throws {
    struct Curve: Decodable { let losses, grad_norms: [Double] }
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let (trainer, adapters, model, settings) = try run(in: output) { $0.computeType = .bf16 }
    let golden = try Fixture.json(Curve.self, "smollm2/curve-nf4dq-bf16.json")
    for parameter in adapters.parameters {
      parameter.value =
        parameter.name.contains("lora_B")
        ? .zeros(parameter.value.shape, in: .adapters)
        : InitialAdapterFormula.tensor(parameter.name, parameter.value.shape, bound: nil)
    }
    let batch = try trainer.batches(ofStep: 0)[0]
    let context = LossContext(tape: Tape(isRecording: false), normalizer: Double(batch.trainedCount))
    let exact = Double(CrossEntropyLoss()(model, batch, context).value.scalar)
    for step in 0..<settings.steps {
      let metrics = try trainer.step()
      let (loss, norm) = (golden.losses[step], golden.grad_norms[step])
      #expect(abs(metrics.loss - loss) <= 2e-3 * loss, "step \(step + 1): \(metrics.loss), not \(loss)")
      #expect(
        abs(metrics.gradientNorm - norm) <= 4e-2 * norm, "step \(step + 1): \(metrics.gradientNorm), not \(norm)")
      if step == 0 { #expect(abs(metrics.loss - exact) > 1e-5 * exact, "nothing was rounded to bfloat16") }
    }
  }

  @Test func `twenty losses and the gradients of the first step agree within one in a thousand`() throws {
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let (trainer, adapters, model, settings) = try run(in: output)
    let golden = try Fixture.json(Gradients.self, "smollm2/curve-nf4dq.json")

    func gradients() throws -> (loss: Double, of: [String: Tensor]) {
      let batch = try trainer.batches(ofStep: 0)[0]
      let tape = Tape()
      let context = LossContext(
        tape: tape, normalizer: Double(batch.trainedCount), recompute: RecomputePlan(.blockInput))
      let loss = CrossEntropyLoss()(model, batch, context)
      tape.backward(from: loss)
      var result: [String: Tensor] = [:]
      for parameter in adapters.parameters {
        result[parameter.name] = parameter.gradient
        parameter.gradient = nil
      }
      return (Double(loss.value.scalar), result)
    }
    func compare(_ found: [String: Tensor], _ wanted: [Gradient]) throws {
      #expect(found.count == wanted.count)
      for gradient in wanted {
        let tensor = try #require(found[gradient.key])
        #expect(abs(tensor.sumOfSquares().squareRoot() - gradient.norm) <= 1e-3 * gradient.norm, "\(gradient.key)")
        // The samples as a vector: its distance from the golden one, on the scale of the tensor's numbers.
        var distance = 0.0
        var length = gradient.norm * gradient.norm * Double(gradient.samples.count) / Double(tensor.count)
        var own = 0.0
        tensor.withElements { elements in
          for (index, sample) in gradient.samples.enumerated() {
            let element = elements[index * tensor.count / gradient.samples.count + index]
            distance += Double((element - sample) * (element - sample))
            own += Double(sample * sample)
          }
        }
        length = max(length, own)
        #expect(distance.squareRoot() <= 1e-3 * length.squareRoot(), "\(gradient.key)")
      }
    }

    // First with B from the formula, so that the gradient of every tensor says something.
    for parameter in adapters.parameters {
      let isB = parameter.name.contains("lora_B")
      parameter.value = InitialAdapterFormula.tensor(
        parameter.name, parameter.value.shape, bound: isB ? golden.probe.b_bound : nil)
    }
    let probe = try gradients()
    #expect(abs(probe.loss - golden.probe.loss) <= 1e-4 * golden.probe.loss)
    try compare(probe.of, golden.probe.gradients)

    for parameter in adapters.parameters where parameter.name.contains("lora_B") {
      parameter.value = .zeros(parameter.value.shape, in: .adapters)
    }
    try compare(gradients().of, golden.step_1_gradients)
    for step in 0..<settings.steps {
      let metrics = try trainer.step()
      let wanted = settings.losses[step]
      #expect(abs(metrics.loss - wanted) <= 1e-3 * wanted, "step \(step + 1): \(metrics.loss), not \(wanted)")
      let norm = settings.grad_norms[step]
      #expect(abs(metrics.gradientNorm - norm) <= 5e-3 * norm, "step \(step + 1): \(metrics.gradientNorm), not \(norm)")
    }
  }
}
