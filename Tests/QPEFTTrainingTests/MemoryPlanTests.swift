import Foundation
import QPEFT
import Testing

@Suite("Memory of a run") struct MemoryPlanTests {
  static let exact: [RecomputePlan] = [
    RecomputePlan(.keepAll), RecomputePlan(.keepProducts), RecomputePlan(.blockInput), RecomputePlan(.blockInputOnDisk),
    RecomputePlan(.keepProducts, last: 1, .keepAll), RecomputePlan(.blockInputOnDisk, last: 1, .blockInput),
  ]

  /// Rows long enough that activations weigh more than what a kernel takes.
  private func trainer(
    _ run: TinyRun, rows: Int = 8, _ change: (inout TrainingOptions) -> Void = { _ in }
  ) throws -> Trainer {
    try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: TinyRun.rows(rows, shortest: 180),
      options: TrainerTests.options(change))
  }

  /// All gradients of one step, and the peak of its tensors.
  private func gradients(_ plan: RecomputePlan) throws -> (values: [Float], peak: Int) {
    let run = try TinyRun(dropout: 0.2)
    let trainer = try trainer(run)
    let batch = try trainer.batches(ofStep: 0)[0]
    let ledger = MemoryLedger()
    return try MemoryLedger.$current.withValue(ledger) {
      let tape = Tape(seed: 3, step: 1)
      if plan.usesFile {
        tape.activationFile = try ActivationFile(directory: NSTemporaryDirectory(), byteCount: 1 << 20)
      }
      let context = LossContext(tape: tape, normalizer: Double(batch.trainedCount), recompute: plan)
      tape.backward(from: CrossEntropyLoss()(run.model, batch, context))
      return (try run.adapters.parameters.flatMap { try #require($0.gradient).elements }, ledger.total.peak)
    }
  }

  @Test(arguments: exact)
  func `policies that keep float32 give the same gradients to the bit`(plan: RecomputePlan) throws {
    let kept = try gradients(RecomputePlan(.keepAll))
    let found = try gradients(plan)
    #expect(kept.values.map(\.bitPattern) == found.values.map(\.bitPattern))
  }

  @Test func `each slower policy takes less memory`() throws {
    // Of two blocks with so few tokens, inputs weigh nothing beside the head: how they are kept makes no difference here.
    let peaks = try [RecomputePolicy.keepAll, .keepProducts, .blockInput].map {
      try gradients(RecomputePlan($0)).peak
    }
    #expect(peaks == peaks.sorted(by: >) && Set(peaks).count == peaks.count, "\(peaks)")
  }

  @Test func `inputs kept in bfloat16 change gradients by less than two percent of their norm`() throws {
    let exact = try gradients(RecomputePlan(.blockInput)).values
    let rounded = try gradients(RecomputePlan(.blockInputBF16)).values
    let difference = zip(exact, rounded).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    let norm = exact.reduce(0.0) { $0 + Double($1 * $1) }
    #expect(difference > 0)
    #expect(difference.squareRoot() < 0.02 * norm.squareRoot(), "\(difference.squareRoot()) of \(norm.squareRoot())")
  }

  @Test(arguments: RecomputePolicy.allCases, [1, 2])
  func `planned tensors are the tensors that a run takes`(policy: RecomputePolicy, accumulation: Int) throws {
    let run = try TinyRun(dropout: 0.1)
    let trainer = try trainer(run) {
      $0.checkpointing = policy
      $0.gradientAccumulation = accumulation
    }
    let before = run.bits
    let plan = try trainer.plan()
    #expect(run.bits == before)
    for _ in 0..<trainer.totalSteps { try trainer.step() }
    #expect(trainer.ledger.total.peak == plan.peak)
    // Also where rows of other lengths leave blocks of other sizes.
    #expect(trainer.ledger.resident.peak <= plan.tensors)
    #expect(trainer.ledger[.activations].peak <= plan.activations)
    #expect(trainer.ledger[.optimizer].current == plan.optimizer)
    #expect(trainer.ledger[.gradients].current == 0)
    #expect(plan.resident > plan.tensors + plan.residentWeights)
    #expect((plan.activationFile > 0) == (policy == .blockInputOnDisk))
  }

  @Test func `a smaller budget takes a slower layout, then fewer rows at a time, and then refuses`() throws {
    func plan(_ budget: Int) throws -> MemoryPlan {
      try trainer(TinyRun()) { $0.batchSize = 4 }.plan(budget: budget, MemoryPlan.Surroundings())
    }
    let free = try plan(1 << 40)
    #expect(free.layout == StepLayout(recompute: RecomputePlan(.keepAll), rows: 4))
    var seen: [StepLayout] = []
    var budget = free.resident
    while true {
      do {
        let plan = try plan(budget)
        #expect(plan.resident <= budget)
        if seen.last != plan.layout { seen.append(plan.layout) }
      } catch TrainingError.doesNotFit(let needed, let refused, let reliefs) {
        #expect(needed > budget && refused == budget)
        #expect(reliefs.contains(.largerBudget(bytes: needed)))
        break
      }
      budget -= budget / 40
    }
    #expect(seen.first == free.layout)
    #expect(seen.contains { $0.recompute.upperCount > 0 && $0.recompute.upper != $0.recompute.lower }, "\(seen)")
    #expect(seen.last.map { $0.rows < 4 } == true, "\(seen)")
  }

  @Test func `a batch that is split by the budget gives the same losses`() throws {
    func losses(_ rows: Int?) throws -> [Double] {
      let run = try TinyRun()
      let trainer = try trainer(run) { $0.batchSize = 4 }
      if let rows {
        trainer.keptLayout = StepLayout(recompute: RecomputePlan(.keepAll), rows: rows, logitsByteCount: 3 << 20)
      }
      return try (0..<4).map { _ in try trainer.step().loss }
    }
    let whole = try losses(nil)
    for rows in [1, 2, 3] {
      for (a, b) in zip(whole, try losses(rows)) { #expect(abs(a - b) < 1e-5 * a, "\(rows) rows") }
    }
  }

  @Test func `memory above the limit is refused in the step that asks for it, and changes nothing`() throws {
    let run = try TinyRun()
    // Rows long enough for tensors that the ledger gives memory to.
    let rows = (0..<4).map { index in
      TrainingRow(
        ids: (0..<200).map { Int32(($0 * 7 + index) % 200) }, isTrained: Array(repeating: true, count: 200))
    }
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: rows, options: TrainerTests.options())
    try trainer.step()
    let before = run.bits
    let limit = trainer.ledger.limit
    trainer.ledger.limit = trainer.ledger.total.current + (64 << 10)
    do {
      try trainer.step()
      Issue.record("the step had memory")
    } catch {
      guard case .memoryRefused(.limit, step: 2, lastSnapshot: nil) = error else { throw error }
    }
    #expect(run.bits == before)
    #expect(trainer.completedSteps == 1)
    #expect(run.adapters.parameters.allSatisfy { $0.gradient == nil })
    trainer.ledger.limit = limit
    #expect(try trainer.step().loss.isFinite)
    #expect(run.bits != before)
  }

  @Test func `a file for activations that cannot be made stops the run before its first step`() throws {
    let run = try TinyRun()
    let trainer = try trainer(run) {
      $0.checkpointing = .blockInputOnDisk
      $0.activationDirectory = "/nowhere"
    }
    #expect(
      throws: TrainingError.activations(
        .cannotCreate(directory: "/nowhere", reason: "No such file or directory"))
    ) { try trainer.step() }
    #expect(trainer.completedSteps == 0)
  }

  @Test(arguments: ["tied-f32", "untied-bf16-bias-nf4dq"])
  func `weights of which a part is resident give the same numbers to the bit`(name: String) throws {
    let directory = try HuggingFaceDirectory(path: Fixture.path("tiny-llama/" + name))
    func train(_ weights: any WeightSource) throws -> [UInt32] {
      let adapters = try LoRAAdapters(LoRAConfiguration(), seed: 1)
      let model = try Models.open(config: directory.configData, weights: weights, adapters: adapters.choice)
      let trainer = try Trainer(
        model: model, parameters: adapters.parameters, rows: TinyRun.rows(8), options: TrainerTests.options())
      for _ in 0..<3 { try trainer.step() }
      return adapters.parameters.flatMap { $0.value.elements.map(\.bitPattern) }
    }
    let residency = WeightResidency(limit: 0)
    let streamed = try train(StreamedWeights(directory, residency))
    #expect(try train(directory) == streamed)
    #expect(throws: WeightResidencyError.tooSmall(limit: 0, needed: residency.minimum)) { try residency.check() }
  }
}
