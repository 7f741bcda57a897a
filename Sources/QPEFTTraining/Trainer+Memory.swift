internal import Foundation
internal import QPEFTAutodiff
public import QPEFTKernels
public import QPEFTLayers
internal import QPEFTModels
internal import QPEFTTensor
internal import QPEFTText

extension Trainer {
  /// Memory of the run at most: dry runs of the batches with the most tokens and with the most trained tokens. Chooses the
  /// layout of steps, if that is not done: the fastest that fits into the budget.
  /// - Throws: `TrainingError.doesNotFit`, with what would fit.
  @discardableResult
  public func plan() throws(TrainingError) -> MemoryPlan {
    try plan(budget: options.memoryBudget ?? MemoryBudget.standard, surroundings)
  }

  /// The plan for a budget, beside what is resident in any case.
  package func plan(
    budget: Int?, _ surroundings: MemoryPlan.Surroundings
  ) throws(TrainingError) -> MemoryPlan {
    var demands: [Int: Demand] = [:]
    func plan(_ layout: StepLayout) -> MemoryPlan {
      let demand = demands[layout.rows] ?? demand(rowsOfBatch: layout.rows)
      demands[layout.rows] = demand
      return self.plan(demand, layout, surroundings)
    }
    let fixed = isPrepared ? layout : keptLayout
    let search = LayoutSearch(
      policy: options.checkpointing, blockCount: model.shape.blockCount,
      rows: fixed.map { [$0.rows] } ?? rowsAtOnce,
      logits: fixed.map { [$0.logitsByteCount] } ?? [Tape.standardLogitsByteCount, 8 << 20, 3 << 20],
      fits: { $0.resident <= budget ?? .max }, plan: plan)
    var found = isPrepared ? plan(layout) : try search.run()
    found.budget = budget
    found.activationCache = (model as? CachedModel)?.cache.byteCount(of: [rows, evaluationRows]) ?? 0
    if let budget, found.resident > budget, !isPrepared {
      throw .doesNotFit(needed: found.resident, budget: budget, reliefs: reliefs(found, budget, surroundings))
    }
    layout = found.layout
    return found
  }

  /// Plans, and reserves what the plan says: tensors get no more than it leaves them in the budget, the system is asked whether
  /// it has that much, and the file for activations gets its room on the disk. `step()` does this by itself. `known` is what
  /// `plan()` said, if it was asked.
  /// - Throws: `TrainingError.doesNotFit`, `.memoryRefused`, `.activations` and `.activationCache`.
  @discardableResult
  public func prepare(_ known: MemoryPlan? = nil) throws(TrainingError) -> MemoryPlan {
    let plan = if let known { known } else { try plan() }
    guard !isPrepared else { return plan }
    if let budget = plan.budget { ledger.limit = budget - (plan.resident - plan.tensors) }
    ledger.planned = plan.tensors
    ledger.probe(plan.tensors - ledger.resident.current)
    try checkMemory()
    if let cache = (model as? CachedModel)?.cache {
      do { try cache.prepare(for: [rows, evaluationRows]) } catch { throw .activationCache(error) }
    }
    if plan.activationFile > 0 {
      let directory = options.activationDirectory ?? scratchDirectory ?? NSTemporaryDirectory()
      do { activationFile = try ActivationFile(directory: directory, byteCount: plan.activationFile) } catch {
        throw .activations(error)
      }
    }
    isPrepared = true
    return plan
  }

  /// Loss and perplexity on the evaluation rows, within the budget.
  /// - Throws: `CancellationError` once `isInterrupted`.
  func evaluate(_ isInterrupted: () -> Bool) throws -> EvaluationResult {
    defer { ledger.clearRefusal() }
    let result = try MemoryLedger.$current.withValue(ledger) {
      try Evaluation.run(model, evaluationRows, batchSize: layout.rows, loss: loss) { _ in
        if isInterrupted() { throw CancellationError() }
      }
    }
    try checkMemory()
    return result
  }

  /// Throws what went wrong with memory or with the file for activations since the step began.
  func checkMemory() throws(TrainingError) {
    if let refusal = ledger.refusal {
      ledger.clearRefusal()
      throw .memoryRefused(refusal, step: isPrepared ? completedSteps + 1 : 0, lastSnapshot: nil)
    }
    if let failure = activationFile?.failure { throw .activations(failure) }
    if let failure = (model as? CachedModel)?.cache.failure { throw .activationCache(failure) }
  }

  /// Memory of a step with this batch in the present layout: its own code, on tensors without numbers.
  public func plan(batch: TokenBatch) -> MemoryPlan {
    plan(Demand(batches: [batch], isAccumulated: options.gradientAccumulation > 1), layout, surroundings)
  }
  /// What the step with the longest batches consists of in the present layout; `plan()` chooses that. With a cache of
  /// activations, it is a step that does not find its rows there.
  public func work() -> StepWork {
    let demand = demand(rowsOfBatch: layout.rows)
    guard let longest = demand.batches.max(by: { $0.count < $1.count }) else { return StepWork() }
    let passes = options.gradientAccumulation * ((min(options.batchSize, rows.count) - 1) / layout.rows + 1)
    func work(passes: Int) -> StepWork {
      let (ledger, meter) = (MemoryLedger(), WorkMeter())
      WorkMeter.$current.withValue(meter) {
        _ = dryRun(ledger, layout) { file in
          _ = addGradients(of: Array(repeating: longest, count: passes), step: 0, layout, file)
        }
      }
      var work = StepWork()
      work.calls = meter.calls
      work.tensorBytes = Room.allCases.reduce(0) { $0 + ledger.allocations(in: $1).bytes }
      return work
    }
    // Every pass is like the second: of a step of thousands only two are looked at.
    let first = work(passes: 1)
    return passes == 1 ? first : first.adding(passes - 1, times: work(passes: 2))
  }
}

extension Trainer {
  /// The batches that decide.
  struct Demand {
    var batches: [TokenBatch]
    var evaluation: TokenBatch?
    /// Whether a step has more than one batch.
    var isAccumulated: Bool
  }

  /// Tokens that are planned at once at most. A dry run has some bytes for every token, and no machine has memory for the
  /// activations of more.
  private static let mostTokensAtOnce = 1 << 20

  /// Numbers of rows at once that are looked at: the batch, its half, and so on.
  private var rowsAtOnce: [Int] {
    let tokensOfRow = max(1, rows.tokenCount / rows.count)
    return Self.halvings(of: min(options.batchSize, rows.count)).filter {
      $0 == 1 || $0 <= Self.mostTokensAtOnce / tokensOfRow
    }
  }

  /// `count`, its half, and so on, down to 1.
  private static func halvings(of count: Int) -> [Int] {
    Array(sequence(first: max(1, count)) { $0 > 1 ? ($0 + 1) / 2 : nil })
  }

  /// Rows that are looked at for their sizes; more of them, of runs of many passes, would take minutes.
  private static let mostRowsLookedAt = 1 << 22

  private func demand(rowsOfBatch: Int) -> Demand {
    var longest: (indices: [Int], size: [Int]) = ([], [])
    var mostTrained = longest
    var isAccumulated = false
    func consider(_ indices: [Int], _ size: [Int], _ best: inout (indices: [Int], size: [Int])) {
      if best.size.lexicographicallyPrecedes(size) { best = (indices, size) }
    }
    var looked = 0
    let isPacked = if case .packed = options.arrangement { true } else { false }
    for step in completedSteps..<max(totalSteps, completedSteps + 1) {
      if looked > Self.mostRowsLookedAt {
        // What no batch of any later pass is larger than. Packed rows are as full in one pass as in another.
        if isPacked { break }
        consider(largestRows(rowsOfBatch) { rows.length(at: $0) }, [.max], &longest)
        consider(largestRows(rowsOfBatch) { rows.trainedCount(at: $0) }, [.max], &mostTrained)
        break
      }
      let batches = rowIndices(ofStep: step, rowsOfBatch: rowsOfBatch)
      isAccumulated = isAccumulated || batches.count > 1
      for indices in batches {
        looked += indices.count
        let tokens = indices.reduce(0) { $0 + rows.length(at: $1) }
        let trained = indices.reduce(0) { $0 + rows.trainedCount(at: $1) }
        consider(indices, [tokens, trained], &longest)
        consider(indices, [trained, tokens], &mostTrained)
      }
    }
    let evaluations = stride(from: 0, to: evaluationRows.count, by: rowsOfBatch).map {
      Array($0..<min($0 + rowsOfBatch, evaluationRows.count))
    }
    func tokens(_ indices: [Int]) -> Int { indices.reduce(0) { $0 + evaluationRows.length(at: $1) } }
    return Demand(
      batches: Set([longest.indices, mostTrained.indices]).map { TokenBatch(sizesOf: rows, at: $0) },
      evaluation: evaluations.max { tokens($0) < tokens($1) }.map { TokenBatch(sizesOf: evaluationRows, at: $0) },
      isAccumulated: isAccumulated)
  }

  private func largestRows(_ count: Int, by size: (Int) -> Int) -> [Int] {
    Array((0..<rows.count).sorted { size($0) > size($1) }.prefix(count))
  }

  private func plan(_ demand: Demand, _ layout: StepLayout, _ surroundings: MemoryPlan.Surroundings) -> MemoryPlan {
    var plans = demand.batches.map { batch in
      dryRun(batch, layout, surroundings) { file in
        // Twice: the second time finds the blocks that the first one left.
        for _ in 0..<2 {
          for parameter in parameters { parameter.gradient = nil }
          _ = addGradients(of: demand.isAccumulated ? [batch, batch] : [batch], step: 0, layout, file)
        }
      }
    }
    if let batch = demand.evaluation {
      plans.append(
        dryRun(batch, layout, surroundings) { _ in
          _ = loss(model, batch, LossContext(tape: Tape(isRecording: false), normalizer: 1))
        })
    }
    guard let largest = plans.max(by: { $0.resident < $1.resident }) else { preconditionFailure("no batch to plan") }
    return largest
  }

  private func dryRun(
    _ batch: TokenBatch, _ layout: StepLayout, _ surroundings: MemoryPlan.Surroundings,
    _ body: (ActivationFile?) -> Void
  ) -> MemoryPlan {
    let ledger = MemoryLedger()
    let file = dryRun(ledger, layout, body)
    return MemoryPlan(
      ledger, surroundings, layout: layout, activationFile: file?.peakByteCount ?? 0, tokens: batch.count,
      trainedTokens: batch.trainedCount)
  }

  /// Runs `body` on tensors without numbers that are charged to `ledger`; the parameters are left as they are.
  private func dryRun(
    _ ledger: MemoryLedger, _ layout: StepLayout, _ body: (ActivationFile?) -> Void
  ) -> ActivationFile? {
    let file = layout.recompute.usesFile ? ActivationFile() : nil
    let gradients = parameters.map(\.gradient)
    MemoryLedger.$current.withValue(ledger) {
      Tensor.$isPlanning.withValue(true) {
        ledger.charge(parameters.reduce(0) { $0 + $1.value.byteCount }, to: .adapters)
        var optimizer = self.optimizer
        optimizer.prepare(for: parameters)
        body(file)
        withExtendedLifetime(optimizer) {}
        for parameter in parameters { parameter.gradient = nil }
      }
    }
    for (parameter, gradient) in zip(parameters, gradients) { parameter.gradient = gradient }
    return file
  }

  /// What is resident beside tensors, whatever the layout: weights, rows, the process itself.
  private var surroundings: MemoryPlan.Surroundings {
    let matrices = model.linears.map(\.base.weight) + [model.head]
    // The embedding's rows are released as soon as they are read, unless it is the head too.
    let used = matrices.reduce(0) { $0 + $1.byteCount }
    let residency = matrices.lazy.compactMap { ($0 as? StreamedMatrix)?.residency }.first
    let data = [rows, evaluationRows].reduce(0) { bytes, source in
      guard let held = source as? [TrainingRow] else { return bytes }
      return bytes + held.reduce(0) { $0 + $1.ids.count * (MemoryLayout<Int32>.stride + 1) + 192 }
    }
    // Parameters of a model that is only planned are counted, but are not there.
    let held = parameters.contains(where: \.value.isPhantom) ? 0 : ledger.resident.current
    let process = (ProcessMemory.baseline ?? 64 << 20) - held - data
    var surroundings = MemoryPlan.Surroundings()
    surroundings.weights = model.weightGroups.reduce(0) { $0 + $1.bytes }
    surroundings.residentWeights = min(used, residency?.limit ?? used)
    surroundings.data = data
    surroundings.process = max(0, process) + MemoryBudget.growth
    return surroundings
  }

  /// What would make a plan fit that does not.
  private func reliefs(
    _ plan: MemoryPlan, _ budget: Int, _ surroundings: MemoryPlan.Surroundings
  ) -> [MemoryRelief] {
    var reliefs: [MemoryRelief] = []
    let longest = max(plan.tokens, 2)
    let shorter = Self.halvings(of: longest).dropFirst().first { tokens in
      guard tokens >= 16 else { return false }
      var batch = TokenBatch()
      batch.append(ids: Array(repeating: 0, count: tokens), isTrained: Array(repeating: true, count: tokens))
      return self.plan(Demand(batches: [batch], isAccumulated: true), plan.layout, surroundings).resident <= budget
    }
    if let shorter { reliefs.append(.shorterRows(tokens: shorter)) }
    let excess = plan.resident - budget
    let trained = 2 * plan.adapters + plan.optimizer
    if excess < trained / 2 { reliefs.append(.smallerRank(percent: 100 * (trained - excess) / trained)) }
    let smallest = 2 * plan.residentWeights / max(1, model.shape.blockCount) + model.head.byteCount
    if plan.residentWeights - excess >= smallest {
      reliefs.append(.streamedWeights(bytes: plan.residentWeights - excess))
    }
    return reliefs + [.largerBudget(bytes: plan.resident)]
  }
}
