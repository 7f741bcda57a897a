internal import ArgumentParser
internal import QPEFT

/// What is trained on, and how rows become tokens.
struct DataArguments: ParsableArguments {
  /// A switch with a word.
  enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

  @Option(
    help: ArgumentHelp(
      "Rows to train on: one JSON object a line with \"text\", \"prompt\" and \"completion\", or \"messages\".",
      valueName: "file.jsonl"))
  var data: String

  @Option(name: .customLong("eval-data"), help: ArgumentHelp("Rows to evaluate on.", valueName: "file.jsonl"))
  var evalData: String?

  @Option(help: "Tokens of a row at most; longer rows are cut and counted.")
  var maxLength = DatasetOptions.standard.maxLength ?? 512

  @Option(help: "Which tokens are trained: those of answers (of a whole text where there is no prompt), or all.")
  var trainOn = TrainOn.completion

  func validate() throws { if maxLength < 2 { throw ValidationError("--max-length must be at least 2.") } }

  var options: DatasetOptions { DatasetOptions(maxLength: maxLength, trainOn: trainOn) }
}

/// Steps, rates, batches.
struct OptimizationArguments: ParsableArguments {
  private static let defaults = TrainingOptions()

  @Option(help: "Peak learning rate.")
  var learningRate = defaults.learningRate

  @Option(help: "How the learning rate changes after the warm-up.")
  var schedule = defaults.schedule

  @Option(help: "Steps over which the learning rate rises from 0.")
  var warmupSteps = defaults.warmupSteps

  @OptionGroup var optimizer: OptimizerArguments

  @Option(help: "Weight decay; decoupled, but part of the gradient in SGD.")
  var weightDecay = defaults.weightDecay

  @Option(help: "Gradients are scaled down to this norm; 0: never.")
  var maxGradNorm = defaults.maximumGradientNorm

  @Option(help: "Rows computed at one time.")
  var batchSize = defaults.batchSize

  @Option(help: "Batches whose gradients are summed for one step.")
  var gradientAccumulation = defaults.gradientAccumulation

  @Option(help: "Optimizer steps. (default: as many as --epochs take)")
  var steps: Int?

  @Option(help: "Passes over the data. (default: 1)")
  var epochs: Int?

  @Option(help: "Decides order, dropout and first values of the adapter.")
  var seed = defaults.seed

  @Flag(name: .customLong("no-shuffle"), help: "Take rows in the order of the file.")
  var noShuffle = false

  @Option(help: "Compute blocks again in backward instead of keeping their results: slower, far less memory.")
  var checkpointing = DataArguments.Switch.on

  @Option(help: "Steps between evaluations. (default: after each epoch and at the end)")
  var evalSteps: Int?

  @Option(help: "Steps between snapshots; 0: none.")
  var saveSteps = defaults.saveSteps

  func validate() throws {
    if steps != nil && epochs != nil { throw ValidationError("Give --steps or --epochs, not both.") }
    do { try options.validate() } catch { throw ValidationError("\(error.description). \(error.remedy).") }
  }

  var options: TrainingOptions {
    var options = TrainingOptions()
    options.learningRate = learningRate
    options.schedule = schedule
    options.warmupSteps = warmupSteps
    options.optimizer = optimizer.options
    options.weightDecay = weightDecay
    options.maximumGradientNorm = maxGradNorm
    options.batchSize = batchSize
    options.gradientAccumulation = gradientAccumulation
    options.steps = steps
    options.epochs = epochs ?? 1
    options.seed = seed
    options.shuffles = !noShuffle
    options.checkpointing = checkpointing == .on
    options.evaluationSteps = evalSteps
    options.saveSteps = saveSteps
    return options
  }
}
