import Foundation
import QPEFT
import Testing

/// Serialized: one test changes the number of threads.
@Suite("A training run", .serialized) struct TrainerTests {
  static func options(_ change: (inout TrainingOptions) -> Void = { _ in }) -> TrainingOptions {
    var options = TrainingOptions()
    options.learningRate = 1e-2
    options.steps = 6
    options.batchSize = 2
    options.seed = 7
    options.saveSteps = 0
    change(&options)
    return options
  }

  @Test func `accumulated batches equal one larger batch`() throws {
    let rows = TinyRun.rows(8)
    func losses(batch: Int, accumulation: Int) throws -> ([Double], [Float]) {
      let run = try TinyRun()
      let options = Self.options {
        $0.batchSize = batch
        $0.gradientAccumulation = accumulation
        $0.steps = 4
      }
      let trainer = try Trainer(model: run.model, parameters: run.adapters.parameters, rows: rows, options: options)
      let losses = try (0..<4).map { _ in try trainer.step().loss }
      return (losses, run.adapters.parameters.flatMap(\.value.elements))
    }
    let (large, largeValues) = try losses(batch: 6, accumulation: 1)
    for (batch, accumulation) in [(1, 6), (2, 3), (3, 2)] {
      let (small, values) = try losses(batch: batch, accumulation: accumulation)
      for (a, b) in zip(large, small) { #expect(abs(a - b) < 1e-5 * a, "\(batch) x \(accumulation)") }
      for (a, b) in zip(largeValues, values) where abs(a - b) > 2e-4 {
        Issue.record("\(batch) x \(accumulation): \(a) and \(b)")
        break
      }
    }
  }

  @Test func `the last step of an epoch takes what is left, and every row comes once`() throws {
    let run = try TinyRun()
    let rows = TinyRun.rows(11)
    let options = Self.options {
      $0.gradientAccumulation = 2
      $0.steps = nil
      $0.epochs = 2
    }
    let trainer = try Trainer(model: run.model, parameters: run.adapters.parameters, rows: rows, options: options)
    #expect(trainer.stepsPerEpoch == 3)
    #expect(trainer.totalSteps == 6)
    for epoch in 0..<2 {
      let batches = try (0..<3).map { try trainer.batches(ofStep: 3 * epoch + $0) }
      #expect(batches.map(\.count) == [2, 2, 2])
      #expect(batches.map { $0.map(\.segments.count) } == [[2, 2], [2, 2], [2, 1]])
      let seen = batches.joined().flatMap { batch in
        batch.segments.map { Array(batch.ids[$0.queryStart..<($0.queryStart + $0.queryCount)]) }
      }
      #expect(Set(seen) == Set(rows.map(\.ids)))
    }
    #expect(try trainer.batches(ofStep: 0) != trainer.batches(ofStep: 3))
  }

  @Test(arguments: [RecomputePolicy.keepAll, .blockInput, .blockInputOnDisk])
  func `resuming continues bit for bit`(checkpointing: RecomputePolicy) throws {
    let rows = TinyRun.rows(7)
    let options = Self.options {
      $0.gradientAccumulation = 2
      $0.checkpointing = checkpointing
      $0.schedule = .cosine
    }
    func makeRun(_ directory: String, resumes: Bool) throws -> (TrainingRun, TinyRun) {
      let tiny = try TinyRun(dropout: 0.1, seed: 5)
      let trainer = try Trainer(model: tiny.model, parameters: tiny.adapters.parameters, rows: rows, options: options)
      return (try TrainingRun(trainer, output: tiny.output(directory), resumes: resumes), tiny)
    }
    let directory = try TemporaryDirectory()
    let (straight, whole) = try makeRun(directory.path + "/straight", resumes: false)
    while try straight.next() != nil {}

    let (interrupted, _) = try makeRun(directory.path + "/resumed", resumes: false)
    for _ in 0..<4 { _ = try interrupted.next() }  // started, three steps
    let path = try #require(try interrupted.saveSnapshot())
    #expect(path.hasSuffix("checkpoint-3"))
    _ = try interrupted.next()  // a step that is lost

    let (resumed, parts) = try makeRun(directory.path + "/resumed", resumes: true)
    while try resumed.next() != nil {}
    #expect(whole.bits == parts.bits)
    let files = try ["straight", "resumed"].map {
      try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\($0)/adapter_model.safetensors"))
    }
    #expect(files[0] == files[1])
    let lines = try ["straight", "resumed"].map { name in
      try String(contentsOfFile: "\(directory.path)/\(name)/metrics.jsonl", encoding: .utf8).split(separator: "\n")
        .map { $0.components(separatedBy: "\"tokens_per_second\"")[0] }
    }
    #expect(lines[0].count == 6)
    #expect(lines[0] == lines[1])
  }

  @Test func `what a run leaves that ended before its first snapshot is begun anew, anything else is not written over`()
    throws
  {
    let directory = try TemporaryDirectory()
    let output = directory.path + "/run"
    func makeRun() throws -> TrainingRun {
      let tiny = try TinyRun()
      let trainer = try Trainer(
        model: tiny.model, parameters: tiny.adapters.parameters, rows: TinyRun.rows(7), options: Self.options())
      return try TrainingRun(trainer, output: tiny.output(output), resumes: false)
    }
    do {
      let lost = try makeRun()
      for _ in 0..<3 { _ = try lost.next() }
      // It is still being written.
      #expect(throws: TrainingError.outputExists(output)) { try makeRun() }
      withExtendedLifetime(lost) {}
    }
    let run = try makeRun()
    while try run.next() != nil {}
    let lines = try String(contentsOfFile: output + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 6 && lines[0].hasPrefix("{\"step\": 1,"))

    try FileManager.default.removeItem(atPath: output)
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: false)
    _ = try makeRun()
    try Data("mine".utf8).write(to: URL(fileURLWithPath: output + "/notes.txt"))
    #expect(throws: TrainingError.outputNotEmpty(output, holding: "notes.txt")) { try makeRun() }
  }

  @Test func `an interrupted evaluation ends at once and is made again if the run goes on`() throws {
    let tiny = try TinyRun()
    let trainer = try Trainer(
      model: tiny.model, parameters: tiny.adapters.parameters, rows: TinyRun.rows(7), evaluationRows: TinyRun.rows(5),
      options: Self.options { ($0.steps, $0.evaluationSteps) = (2, 1) })
    let run = try TrainingRun(trainer)
    var asked = 0
    for _ in 0..<2 { _ = try run.next() }
    run.isInterrupted = {
      asked += 1
      return true
    }
    #expect(throws: CancellationError.self) { try run.next() }
    #expect(asked == 1)
    run.isInterrupted = { false }
    guard case .evaluation(step: 1, _)? = try run.next() else {
      Issue.record("the evaluation is lost")
      return
    }
  }

  @Test func `resuming another run is refused and says what differs`() throws {
    let directory = try TemporaryDirectory()
    let rows = TinyRun.rows(7)
    func makeRun(_ rows: [TrainingRow], _ options: TrainingOptions, model: String = "tied-f32", resumes: Bool) throws
      -> TrainingRun
    {
      let tiny = try TinyRun(model)
      let trainer = try Trainer(model: tiny.model, parameters: tiny.adapters.parameters, rows: rows, options: options)
      return try TrainingRun(trainer, output: tiny.output(directory.path + "/run"), resumes: resumes)
    }
    #expect(throws: TrainingError.noSnapshot(directory.path + "/run")) {
      try makeRun(rows, Self.options(), resumes: true)
    }
    let run = try makeRun(rows, Self.options { $0.saveSteps = 2 }, resumes: false)
    while try run.next() != nil {}
    #expect(throws: TrainingError.outputExists(directory.path + "/run")) {
      try makeRun(rows, Self.options(), resumes: false)
    }
    func difference(_ make: () throws -> TrainingRun) -> [String] {
      do {
        _ = try make()
        return []
      } catch TrainingError.differs(_, let differences) { return differences.map(\.name) } catch { return ["\(error)"] }
    }
    #expect(difference { try makeRun(rows, Self.options(), resumes: true) } == [])
    #expect(
      difference { try makeRun(rows, Self.options { $0.learningRate = 1 }, resumes: true) } == ["learning_rate"])
    #expect(
      difference { try makeRun(rows, Self.options { $0.steps = 9 }, resumes: true) } == ["number of steps"])
    #expect(
      difference { try makeRun(rows, Self.options { $0.computeType = .bf16 }, resumes: true) } == ["compute_dtype"])
    #expect(
      difference { try makeRun(rows.reversed(), Self.options(), resumes: true) } == ["fingerprint of the data"])
    #expect(
      difference { try makeRun(rows, Self.options(), model: "tied-f32-nf4dq", resumes: true) }
        == ["fingerprint of the model"])
  }

  @Test func `products in bfloat16 move losses a little, whichever kernels make them`() throws {
    let rows = TinyRun.rows(8)
    func losses(_ type: ComputeType) throws -> [Double] {
      let run = try TinyRun("tied-f32-nf4dq")
      let trainer = try Trainer(
        model: run.model, parameters: run.adapters.parameters, rows: rows,
        options: Self.options { $0.computeType = type })
      return try (0..<6).map { _ in try trainer.step().loss }
    }
    for set in KernelSet.supported {
      let (found, exact) = try #require(try KernelSet.with(set) { (try losses(.bf16), try losses(.f32)) })
      #expect(found != exact)
      for (a, b) in zip(found, exact) { #expect(abs(a - b) < 1e-2 * b, "\(set): \(a), not \(b)") }
    }
  }

  @Test(arguments: ["tied-f32", "tied-f32-nf4dq"], ComputeType.allCases)
  func `five steps give the same adapter with 1, 2 and 3 threads`(model: String, type: ComputeType) throws {
    let before = KernelSet.threadCount
    defer { KernelSet.threadCount = before }
    let bits = try [1, 2, 3].map { threads in
      KernelSet.threadCount = threads
      let run = try TinyRun(model, dropout: 0.1)
      let start = run.bits
      let trainer = try Trainer(
        model: run.model, parameters: run.adapters.parameters, rows: TinyRun.rows(8),
        options: Self.options { $0.computeType = type })
      for _ in 0..<5 { try trainer.step() }
      #expect(run.bits != start)
      return run.bits
    }
    #expect(bits[0] == bits[1])
    #expect(bits[0] == bits[2])
  }

  @Test func `a loss that is no number stops the run and keeps the state before it`() async throws {
    struct Spoiled: TrainingLoss {
      func callAsFunction(_ model: any LanguageModel, _ batch: TokenBatch, _ context: LossContext) -> Variable {
        let loss = CrossEntropyLoss()(model, batch, context)
        return context.tape.step == 3 ? loss + Variable(Tensor([1], [.nan]), on: context.tape) : loss
      }
    }
    let directory = try TemporaryDirectory()
    let tiny = try TinyRun()
    let trainer = try Trainer(
      model: tiny.model, parameters: tiny.adapters.parameters, rows: TinyRun.rows(8), options: Self.options(),
      loss: Spoiled())
    let run = try TrainingRun(trainer, output: tiny.output(directory.path + "/run"))
    var steps = 0
    await #expect(
      throws: TrainingError.notFinite(
        what: "loss", step: 4, lastSnapshot: directory.path + "/run/checkpoint-3")
    ) {
      for try await event in run { if case .step = event { steps += 1 } }
    }
    #expect(steps == 3)
    let kept = try Fixture.tensors(directory.path + "/run/checkpoint-3/adapter_model.safetensors")
    for parameter in tiny.adapters.parameters { #expect(kept[parameter.name] == parameter.value) }
  }

  @Test func `rows that cannot be trained on are named`() throws {
    let tiny = try TinyRun()
    func error(_ rows: [TrainingRow]) -> TrainingError? {
      do throws(TrainingError) {
        _ = try Trainer(model: tiny.model, parameters: tiny.adapters.parameters, rows: rows)
        return nil
      } catch { return error }
    }
    #expect(error([]) == .noRows)
    let untrained = TrainingRow(ids: [1, 2], isTrained: [true, false], origin: "a.jsonl:9")
    #expect(error(TinyRun.rows(2) + [untrained]) == .noTrainedTokens(row: "a.jsonl:9"))
    let vocabulary = tiny.model.shape.vocabularySize
    let outside = TrainingRow(ids: [1, Int32(vocabulary)], isTrained: [true, true])
    #expect(
      error([outside]) == .tokenOutside(row: "row 1", token: Int32(vocabulary), vocabulary: vocabulary))
  }

  @Test func `a cancelled task stops before the next step`() async throws {
    let task = Task {
      let tiny = try TinyRun()
      let trainer = try Trainer(
        model: tiny.model, parameters: tiny.adapters.parameters, rows: TinyRun.rows(4), options: Self.options())
      var steps = 0
      do {
        for try await event in try TrainingRun(trainer) {
          if case .step(let metrics) = event {
            steps += 1
            if metrics.step == 2 { withUnsafeCurrentTask { $0?.cancel() } }
          }
        }
      } catch is CancellationError { return steps }
      return -1
    }
    #expect(try await task.value == 2)
  }

  @Test func `events come in order`() async throws {
    let directory = try TemporaryDirectory()
    let tiny = try TinyRun()
    let trainer = try Trainer(
      model: tiny.model, parameters: tiny.adapters.parameters, rows: TinyRun.rows(6),
      evaluationRows: TinyRun.rows(3, seed: 9),
      options: Self.options {
        $0.steps = nil
        $0.epochs = 2
        $0.saveSteps = 2
        $0.keptSnapshots = 1
      })
    var names: [String] = []
    for try await event in try TrainingRun(trainer, output: tiny.output(directory.path + "/out")) {
      switch event {
      case .started(let summary): names.append("started \(summary.firstStep)-\(summary.lastStep)")
      case .step(let metrics): names.append("step \(metrics.step)")
      case .evaluation(let step, let result):
        names.append("evaluation \(step)")
        #expect(
          result.loss > 0 && result.predictedTokens == TinyRun.rows(3, seed: 9).reduce(0) { $0 + $1.trainedCount })
      case .snapshot(let step, _): names.append("snapshot \(step)")
      case .finished(let step, _): names.append("finished \(step)")
      }
    }
    #expect(
      names == [
        "started 1-6", "step 1", "step 2", "snapshot 2", "step 3", "evaluation 3", "step 4", "snapshot 4", "step 5",
        "step 6", "evaluation 6", "finished 6",
      ])
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.path + "/out").sorted()
    #expect(files == ["adapter_model.safetensors", "checkpoint-4", "metrics.jsonl"])
  }
}
