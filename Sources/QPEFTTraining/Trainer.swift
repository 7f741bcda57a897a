public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTModels
public import QPEFTTensor
internal import QPEFTText

/// Trains parameters of a model on rows of tokens: one optimizer step for each call of `step()`.
///
/// `events()` makes a whole run of it, with evaluations, metrics and snapshots. A trainer belongs to one task at a time.
/// Its numbers depend on options, rows, model and `layout` alone; not on threads, and not on where a run was interrupted. The
/// layout is chosen by the memory budget: rows that do not fit at once are taken in turns, whose sums differ in the last bits and
/// whose dropout is drawn for each turn.
public final class Trainer {
  /// The model; its adapters hold `parameters`.
  public let model: any LanguageModel
  /// What is trained.
  public let parameters: [Parameter]
  /// What it is trained on, and what it is evaluated on.
  public let rows, evaluationRows: any RowSource
  /// Settings of the run.
  public let options: TrainingOptions
  /// What is made small.
  public let loss: any TrainingLoss
  /// Account of the run's tensors.
  public let ledger = MemoryLedger()
  /// Optimizer steps done.
  public package(set) var completedSteps = 0
  /// Changes the parameters.
  public package(set) var optimizer: any Optimizer
  /// How steps are laid out in memory; chosen by `plan()`.
  public internal(set) var layout: StepLayout
  /// What is left of the choice for a run that goes on: how batches are split, which changes the last bits of sums.
  package var keptLayout: StepLayout?
  var isPrepared = false
  var activationFile: ActivationFile?
  /// Where the activation file is made, if `options` do not say; nil: where the system puts temporary files.
  var scratchDirectory: String?
  private var sampler: BatchSampler

  /// A run that has not begun.
  /// - Throws: `TrainingError` for options that make no sense, for no rows, and for a row without a trained token.
  public init(
    model: any LanguageModel, parameters: [Parameter], rows: any RowSource,
    evaluationRows: any RowSource = [TrainingRow](), options: TrainingOptions = TrainingOptions(),
    loss: any TrainingLoss = CrossEntropyLoss(),
    optimizer: (any Optimizer)? = nil
  ) throws(TrainingError) {
    try options.validate()
    guard !parameters.isEmpty else { throw .noParameters }
    guard !rows.isEmpty else { throw .noRows }
    try rows.check(vocabulary: model.shape.vocabularySize)
    try evaluationRows.check(vocabulary: model.shape.vocabularySize)
    self.model = model
    self.parameters = parameters
    self.rows = rows
    self.evaluationRows = evaluationRows
    self.options = options
    self.loss = loss
    self.optimizer = optimizer ?? options.optimizer.make(weightDecay: options.weightDecay)
    sampler = BatchSampler(
      parts: rows.parts, batchSize: options.batchSize, batchesPerStep: options.gradientAccumulation, seed: options.seed,
      shuffles: options.shuffles, arrangement: options.arrangement
    ) { rows.length(at: $0) }
    layout = StepLayout(recompute: RecomputePlan(options.checkpointing ?? .keepAll), rows: options.batchSize)
    ledger.charge(parameters.reduce(0) { $0 + $1.value.byteCount }, to: .adapters)
    MemoryLedger.$current.withValue(ledger) { self.optimizer.prepare(for: parameters) }
    if let refusal = ledger.refusal { throw .memoryRefused(refusal, step: 0, lastSnapshot: nil) }
  }

  /// Optimizer steps of the first pass over the rows; the last one takes what is left. Other passes have as many, but for
  /// packed rows, which come out a little different each time.
  public var stepsPerEpoch: Int { sampler.steps(ofEpochs: 1) }

  /// The pass over the rows, from 0, to which step number `step`, counted from 0, belongs.
  public func epoch(ofStep step: Int) -> Int { sampler.epoch(ofStep: step) }

  /// Whether the step done last was the last of its epoch.
  var isAtEndOfEpoch: Bool {
    completedSteps > 0 && epoch(ofStep: completedSteps) != epoch(ofStep: completedSteps - 1)
  }

  /// Optimizer steps of the whole run.
  public var totalSteps: Int { options.steps ?? sampler.steps(ofEpochs: options.epochs) }

  /// Learning rate of update number `step`, counted from 0.
  public func learningRate(ofStep step: Int) -> Double {
    options.learningRate * options.schedule.factor(step: step, warmup: options.warmupSteps, total: totalSteps)
  }

  /// The batches of step number `step`, counted from 0: their gradients are summed for one update. `layout` says how many
  /// rows a batch has.
  /// - Throws: `TrainingError.rowChanged` where a row can no longer be read.
  public func batches(ofStep step: Int) throws(TrainingError) -> [TokenBatch] {
    var batches: [TokenBatch] = []
    for indices in rowIndices(ofStep: step) { batches.append(TokenBatch(try rows.rows(indices))) }
    return batches
  }

  /// The rows of each batch of step number `step`.
  func rowIndices(ofStep step: Int, rowsOfBatch: Int? = nil) -> [[Int]] {
    sampler.batches(ofStep: step, atOnce: rowsOfBatch ?? layout.rows)
  }

  /// Does the next optimizer step; the first one plans and reserves memory, unless that is done.
  /// - Throws: `TrainingError.notFinite` where loss or gradient is not a number, `.memoryRefused` where memory does not suffice,
  ///   and what `prepare()` throws; nothing is changed then.
  @discardableResult
  public func step() throws(TrainingError) -> StepMetrics {
    if !isPrepared { try prepare() }
    let clock = ContinuousClock()
    let start = clock.now
    let step = completedSteps
    let batches = try batches(ofStep: step)
    let rate = learningRate(ofStep: step)
    let (loss, norm) = try update(batches, step: step, learningRate: rate)
    completedSteps += 1
    let seconds = (clock.now - start) / .seconds(1)
    let tokens = batches.reduce(0) { $0 + $1.count }
    return StepMetrics(
      step: completedSteps, loss: loss, learningRate: rate, gradientNorm: norm, tokens: tokens,
      trainedTokens: batches.reduce(0) { $0 + $1.trainedCount }, tokensPerSecond: Double(tokens) / max(seconds, 1e-9),
      peakBytes: ProcessMemory.peak, seconds: seconds)
  }

  private func update(
    _ batches: [TokenBatch], step: Int, learningRate: Double
  ) throws(TrainingError) -> (loss: Double, norm: Double) {
    defer {
      for parameter in parameters { parameter.gradient = nil }
      ledger.clearRefusal()
    }
    let loss = MemoryLedger.$current.withValue(ledger) {
      addGradients(of: batches, step: step, layout, activationFile)
    }
    try checkMemory()
    guard loss.isFinite else { throw .notFinite(what: "loss", step: step + 1, lastSnapshot: nil) }
    let clipping = GradientClipping(parameters, limit: options.maximumGradientNorm)
    guard clipping.norm.isFinite else { throw .notFinite(what: "gradient", step: step + 1, lastSnapshot: nil) }
    MemoryLedger.$current.withValue(ledger) {
      optimizer.update(parameters, learningRate: learningRate, gradientScale: clipping.scale)
    }
    return (loss, clipping.norm)
  }

  /// Forward and backward of the batches of one step; returns their loss.
  func addGradients(of batches: [TokenBatch], step: Int, _ layout: StepLayout, _ file: ActivationFile?) -> Double {
    let normalizer = Double(batches.reduce(0) { $0 + $1.trainedCount })
    let passesOfBatch = (options.batchSize - 1) / layout.rows + 1
    var total = 0.0
    for (index, batch) in batches.enumerated() {
      let pass = UInt32(truncatingIfNeeded: step * options.gradientAccumulation * passesOfBatch + index)
      let tape = Tape(seed: options.seed, step: pass)
      file?.reset()
      tape.activationFile = file
      tape.logitsByteCount = layout.logitsByteCount
      ProductArithmetic.$current.withValue(options.computeType.arithmetic) {
        let value = loss(model, batch, LossContext(tape: tape, normalizer: normalizer, recompute: layout.recompute))
        if !value.value.isPhantom { total += Double(value.value.scalar) }
        if total.isFinite { tape.backward(from: value) }
      }
      guard total.isFinite else { return total }
    }
    return total
  }
}
