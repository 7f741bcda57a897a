internal import ArgumentParser
internal import QPEFT

/// Steps, rates, batches.
struct OptimizationArguments: ParsableArguments {
  private static let defaults = TrainingOptions()

  @Option(parsing: .unconditional, help: "Peak learning rate.")
  var learningRate = defaults.learningRate

  @Option(help: "How the learning rate changes after the warm-up.")
  var schedule = defaults.schedule

  @Option(parsing: .unconditional, help: "Steps over which the learning rate rises from 0.")
  var warmupSteps = defaults.warmupSteps

  @OptionGroup var optimizer: OptimizerArguments

  @Option(parsing: .unconditional, help: "Weight decay; decoupled, but part of the gradient in SGD.")
  var weightDecay = defaults.weightDecay

  @Option(parsing: .unconditional, help: "Gradients are scaled down to this norm; 0: never.")
  var maxGradNorm = defaults.maximumGradientNorm

  @Option(
    help: ArgumentHelp(
      "How attention and products with the frozen matrices are computed: f32, or bf16 with operands rounded to bfloat16, up to twice as fast "
        + "where the processor has such instructions (see doctor)."))
  var computeDtype = defaults.computeType

  @Option(parsing: .unconditional, help: "Rows computed at one time.")
  var batchSize = defaults.batchSize

  @Option(parsing: .unconditional, help: "Batches whose gradients are summed for one step.")
  var gradientAccumulation = defaults.gradientAccumulation

  @Option(parsing: .unconditional, help: "Optimizer steps. (default: as many as --epochs take)")
  var steps: Int?

  @Option(parsing: .unconditional, help: "Passes over the data. (default: 1)")
  var epochs: Int?

  @Option(parsing: .unconditional, help: "Decides order, dropout and first values of the adapter.")
  var seed = defaults.seed

  @Flag(name: .customLong("no-shuffle"), help: "Take rows in the order of the file.")
  var noShuffle = false

  @Flag(help: "Pack rows up to --max-length tokens: batches of equal size, in which rows do not see each other.")
  var packing = false

  @Flag(help: "Put rows of similar length into a batch.")
  var groupByLength = false

  @Option(parsing: .unconditional, help: "Steps between evaluations. (default: after each epoch and at the end)")
  var evalSteps: Int?

  @Option(parsing: .unconditional, help: "Steps between snapshots; 0: none.")
  var saveSteps = defaults.saveSteps

  /// Options whose settings have other names in the library.
  private static let names = [
    "learning rate": "--learning-rate", "warm-up steps": "--warmup-steps", "weight decay": "--weight-decay",
    "maximum gradient norm": "--max-grad-norm", "batch size": "--batch-size", "steps": "--steps", "epochs": "--epochs",
    "gradient accumulation": "--gradient-accumulation", "evaluation steps": "--eval-steps",
    "save steps": "--save-steps", "beta1": "--beta1", "beta2": "--beta2", "epsilon": "--epsilon",
    "momentum": "--momentum", "nesterov": "--nesterov",
  ]

  func validate() throws {
    if packing && groupByLength { throw ValidationError("Give --packing or --group-by-length, not both.") }
    if steps != nil && epochs != nil { throw ValidationError("Give --steps or --epochs, not both.") }
    do { try options(maxLength: 512).validate() } catch TrainingError.option(let name, let problem) {
      throw ValidationError("\(Self.names[name] ?? name): \(problem)".sentence)
    } catch {
      throw ValidationError("\(error.description.sentence) \(error.remedy.sentence)")
    }
  }

  /// Settings of a run over rows of at most `maxLength` tokens.
  func options(maxLength: Int) -> TrainingOptions {
    var options = TrainingOptions()
    if packing { options.arrangement = .packed(tokens: maxLength) }
    if groupByLength { options.arrangement = .byLength }
    options.learningRate = learningRate
    options.schedule = schedule
    options.warmupSteps = warmupSteps
    options.optimizer = optimizer.options
    options.weightDecay = weightDecay
    options.maximumGradientNorm = maxGradNorm
    options.computeType = computeDtype
    options.batchSize = batchSize
    options.gradientAccumulation = gradientAccumulation
    options.steps = steps
    options.epochs = epochs ?? 1
    options.seed = seed
    options.shuffles = !noShuffle
    options.evaluationSteps = evalSteps
    options.saveSteps = saveSteps
    return options
  }
}
