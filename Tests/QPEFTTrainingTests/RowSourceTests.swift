import Foundation
import QPEFT
import Testing

@Suite("Packing and sources of rows") struct RowSourceTests {
  static func trainer(_ run: TinyRun, _ rows: any RowSource, _ change: (inout TrainingOptions) -> Void) throws
    -> Trainer
  {
    try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: rows, options: TrainerTests.options(change))
  }

  @Test func `packed rows have the loss and the gradients of rows that stand alone`() throws {
    let rows = TinyRun.rows(12)
    func step(_ change: (inout TrainingOptions) -> Void) throws -> (Trainer, StepMetrics, [Float]) {
      let run = try TinyRun()
      // Gradients reach A only where B is not zero. Large values would saturate the attention: what is left of its gradients
      // is rounding.
      for (index, parameter) in run.adapters.parameters.enumerated() {
        parameter.value = .uniform(
          parameter.value.shape, low: -0.1, high: 0.1, key: RandomKey(seed: 3, step: UInt32(index)))
      }
      let trainer = try Self.trainer(run, rows) {
        $0.maximumGradientNorm = 0
        $0.learningRate = 0
        change(&$0)
      }
      let metrics = try trainer.step()
      return (trainer, metrics, try gradients(trainer, run))
    }
    func gradients(_ trainer: Trainer, _ run: TinyRun) throws -> [Float] {
      let batches = try trainer.batches(ofStep: 0)
      let normalizer = Double(batches.reduce(0) { $0 + $1.trainedCount })
      for parameter in run.adapters.parameters { parameter.gradient = nil }
      for batch in batches {
        let tape = Tape()
        let context = LossContext(tape: tape, normalizer: normalizer)
        tape.backward(from: CrossEntropyLoss()(run.model, batch, context))
      }
      return run.adapters.parameters.flatMap { $0.gradient?.elements ?? [] }
    }
    let (alone, aloneMetrics, aloneGradients) = try step {
      $0.batchSize = 1
      $0.gradientAccumulation = 12
    }
    let (packed, packedMetrics, packedGradients) = try step {
      $0.arrangement = .packed(tokens: 48)
      $0.batchSize = 1
      $0.gradientAccumulation = 12
    }
    #expect(try alone.batches(ofStep: 0).count == 12)
    let batches = try packed.batches(ofStep: 0)
    #expect(batches.count < 6 && batches.allSatisfy { $0.count <= 48 })
    #expect(packedMetrics.trainedTokens == aloneMetrics.trainedTokens)
    #expect(abs(packedMetrics.loss - aloneMetrics.loss) < 1e-6 * aloneMetrics.loss)
    #expect(packedGradients.count == aloneGradients.count && packedGradients.contains { $0 != 0 })
    let scale = aloneGradients.reduce(0) { max($0, abs($1)) }
    let difference = zip(packedGradients, aloneGradients).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(difference < 1e-5 * scale, "\(difference) of \(scale)")
  }

  @Test func `a packed row knows nothing of its neighbours`() throws {
    let run = try TinyRun()
    let rows = TinyRun.rows(3)
    func logits(_ rows: [TrainingRow]) -> [Float] {
      let batch = TokenBatch(rows)
      let hidden = run.model.hidden(batch, on: Tape(isRecording: false), recompute: RecomputePlan(.keepAll), cache: nil)
        .value
      return hidden.rows(0..<rows[0].ids.count).elements
    }
    var other = rows
    other[1].ids.reverse()
    #expect(logits(rows) == logits(other))
    // Alone, other kernels may do the work: equal but for rounding.
    let differences = zip(logits(rows), logits([rows[0]])).map { abs($0 - $1) }
    #expect((differences.max() ?? 1) < 1e-4)
  }

  @Test(arguments: [BatchSampler.Arrangement.packed(tokens: 40), .byLength])
  func `packed, grouped and mixed runs resume bit for bit`(arrangement: BatchSampler.Arrangement) throws {
    let rows = RowMixture([(TinyRun.rows(9), 1), (TinyRun.rows(7, seed: 4), 0.5)])
    let directory = try TemporaryDirectory()
    func makeRun(_ name: String, resumes: Bool) throws -> (TrainingRun, TinyRun) {
      let run = try TinyRun(dropout: 0.1)
      let trainer = try Self.trainer(run, rows) {
        $0.arrangement = arrangement
        $0.steps = nil
        $0.epochs = 3
      }
      return (try TrainingRun(trainer, output: run.output("\(directory.path)/\(name)"), resumes: resumes), run)
    }
    let (straight, whole) = try makeRun("straight", resumes: false)
    while try straight.next() != nil {}
    let (interrupted, _) = try makeRun("resumed", resumes: false)
    for _ in 0..<4 { _ = try interrupted.next() }
    try interrupted.saveSnapshot()
    let (resumed, parts) = try makeRun("resumed", resumes: true)
    while try resumed.next() != nil {}
    #expect(whole.bits == parts.bits)
    #expect(straight.trainer.totalSteps > 6)
  }

  @Test func `evaluation comes at the end of each epoch, also where packing makes them differ`() throws {
    let run = try TinyRun()
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: TinyRun.rows(23), evaluationRows: TinyRun.rows(2),
      options: TrainerTests.options {
        $0.arrangement = .packed(tokens: 40)
        $0.batchSize = 1
        $0.steps = nil
        $0.epochs = 4
      })
    var evaluations: [Int] = []
    let events = try TrainingRun(trainer)
    while let event = try events.next() { if case .evaluation(let step, _) = event { evaluations.append(step) } }
    #expect(evaluations.count == 4 && evaluations.last == trainer.totalSteps)
    for step in evaluations.dropLast() { #expect(trainer.epoch(ofStep: step) == trainer.epoch(ofStep: step - 1) + 1) }
  }

  @Test func `rows read from a file when they are needed train as rows in memory do`() throws {
    let base = try BaseModel(Fixture.path("demo-model"))
    let file = Fixture.path("../../Docs/Examples/requests/heldout.jsonl")
    let data = try base.dataset(file)
    let memory = try data.rows.rows(0..<data.rows.count)
    func bits(_ rows: any RowSource) throws -> [UInt32] {
      let tuned = try base.attach()
      let trainer = try tuned.trainer(on: rows, options: TrainerTests.options { $0.steps = 3 })
      for _ in 0..<3 { try trainer.step() }
      return tuned.adapters?.parameters.flatMap { $0.value.elements.map(\.bitPattern) } ?? []
    }
    #expect(try bits(data.rows) == bits(memory))
    let tuned = try base.attach()
    let plans = try [data.rows as any RowSource, memory].map {
      try tuned.trainer(on: $0, options: TrainerTests.options()).plan()
    }
    #expect(plans[0].tensors == plans[1].tensors && plans[0].tokens == plans[1].tokens)
  }

  @Test func `a split shares no row and changes the fingerprint`() throws {
    let base = try BaseModel(Fixture.path("demo-model"))
    let rows = try base.dataset(Fixture.path("../../Docs/Examples/requests/heldout.jsonl")).rows
    let (training, evaluation) = rows.split(share: 0.1, seed: 2)
    #expect(training.count == 90 && evaluation.count == 10)
    let origins = try (training.rows(0..<90) + evaluation.rows(0..<10)).map(\.origin)
    #expect(Set(origins).count == 100)
    let fingerprints = [rows, training, rows.split(share: 0.1, seed: 3).training].map(\.fingerprint)
    #expect(Set(fingerprints).count == 3)
    let mixed = RowMixture([(rows, 1), (training, 0.5)])
    #expect(mixed.count == 190 && mixed.tokenCount == rows.tokenCount + training.tokenCount)
    #expect(
      try mixed.rows([150, 3, 100]).map(\.ids) == training.rows([50]).map(\.ids)
        + rows.rows([3]).map(\.ids) + training.rows([0]).map(\.ids))
  }
}
