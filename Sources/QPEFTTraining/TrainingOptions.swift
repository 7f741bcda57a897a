public import QPEFTAutodiff
public import QPEFTText

/// Settings of a training run; the one place for their defaults.
public struct TrainingOptions: Hashable, Sendable, Codable {
  /// Peak learning rate.
  public var learningRate = 2e-4
  /// How the learning rate changes.
  public var schedule = LearningRateSchedule.linear
  /// Updates over which the learning rate rises from 0.
  public var warmupSteps = 0
  /// What changes the parameters along their gradients.
  public var optimizer = OptimizerOptions()
  /// Weight decay: decoupled, but part of the gradient in SGD.
  public var weightDecay = 0.0
  /// Gradients are scaled down to this norm; 0: never.
  public var maximumGradientNorm = 1.0
  /// How products with frozen matrices are computed.
  public var computeType = ComputeType.f32
  /// Rows computed at one time.
  public var batchSize = 1
  /// Batches whose gradients are summed for one update.
  public var gradientAccumulation = 1
  /// Updates; nil: as many as `epochs` take.
  public var steps: Int?
  /// Passes over the data, if `steps` is nil.
  public var epochs = 1
  /// Decides order, dropout and first values of adapters.
  public var seed: UInt64 = 0
  /// Whether rows are shuffled for each epoch.
  public var shuffles = true
  /// How rows become batches: as they come, by length, or packed.
  public var arrangement = BatchSampler.Arrangement.rows
  /// What all blocks keep for backward; nil: the fastest exact policies that fit, which may differ from block to block.
  public var checkpointing: RecomputePolicy?
  /// Most resident bytes of the process; nil: what the machine has free, less a margin.
  public var memoryBudget: Int?
  /// Directory of the file that `RecomputePolicy.blockInputOnDisk` writes; nil: the output directory.
  public var activationDirectory: String?
  /// Updates between evaluations, if there is evaluation data; nil: after every epoch and at the end.
  public var evaluationSteps: Int?
  /// Updates between snapshots; 0: none.
  public var saveSteps = 200
  /// Snapshots that are kept; older ones are removed.
  public var keptSnapshots = 2

  /// Largest batch size times gradient accumulation.
  public static let mostRowsOfStep = 1 << 20
  /// Most tokens of a row, or packed row.
  public static let mostTokensOfRow = 1 << 20
  /// Most passes over the data.
  public static let mostEpochs = 1_000_000
  /// Most updates of a run, and the largest number of updates that any setting names.
  public static let mostSteps = Int(Int32.max)

  /// The defaults.
  public init() {}

  /// Throws `TrainingError.option` for a setting that makes no sense.
  public func validate() throws(TrainingError) {
    func check(_ condition: Bool, _ name: String, _ problem: String) throws(TrainingError) {
      if !condition { throw .option(name: name, problem: problem) }
    }
    try check(learningRate.isFinite && learningRate >= 0, "learning rate", "\(learningRate) is not a rate")
    func check(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws(TrainingError) {
      try check(range.contains(value), name, "\(value) is not between \(range.lowerBound) and \(range.upperBound)")
    }
    try check(warmupSteps, in: 0...Self.mostSteps, "warm-up steps")
    try check(weightDecay.isFinite && weightDecay >= 0, "weight decay", "\(weightDecay) is negative or not finite")
    try check(
      maximumGradientNorm.isFinite && maximumGradientNorm >= 0, "maximum gradient norm",
      "\(maximumGradientNorm) is negative or not finite")
    try optimizer.validate()
    try check(batchSize, in: 1...Self.mostRowsOfStep, "batch size")
    if case .packed(let tokens) = arrangement {
      try check(tokens, in: 1...Self.mostTokensOfRow, "tokens of a packed row")
    }
    try check(gradientAccumulation, in: 1...Self.mostRowsOfStep, "gradient accumulation")
    try check(
      batchSize * gradientAccumulation <= Self.mostRowsOfStep, "batch size",
      "\(batchSize) times \(gradientAccumulation) batches are more than \(Self.mostRowsOfStep) rows of a step")
    try check(steps ?? 1, in: 1...Self.mostSteps, "steps")
    try check(epochs, in: 1...Self.mostEpochs, "epochs")
    try check(evaluationSteps ?? 1, in: 1...Self.mostSteps, "evaluation steps")
    try check(memoryBudget.map { $0 > 0 } ?? true, "memory budget", "\(memoryBudget ?? 0) is not positive")
    try check(saveSteps, in: 0...Self.mostSteps, "save steps")
    try check(keptSnapshots, in: 1...Self.mostSteps, "kept snapshots")
  }

  /// What decides the numbers of a run, by name. A resumed run has the same.
  var settings: [String: String] {
    var settings = [
      "learning_rate": "\(learningRate)", "schedule": schedule.rawValue, "warmup_steps": "\(warmupSteps)",
      "max_grad_norm": "\(maximumGradientNorm)", "batch_size": "\(batchSize)",
      "gradient_accumulation": "\(gradientAccumulation)", "seed": "\(seed)", "shuffle": "\(shuffles)",
      "arrangement": "\(arrangement)",
    ]
    if computeType != .f32 { settings["compute_dtype"] = computeType.rawValue }
    // The policies that keep float32 give the same numbers; this one does not.
    if checkpointing == .blockInputBF16 { settings["checkpointing"] = RecomputePolicy.blockInputBF16.rawValue }
    return settings
  }
}
