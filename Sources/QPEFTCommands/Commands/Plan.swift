internal import ArgumentParser
internal import QPEFT

/// `qpeft plan`.
struct Plan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Memory and time that a training run will take, without running it.",
    discussion: """
      The numbers come from the code of a training step itself, run on tensors without memory; no weight is read. With --data \
      the longest batch of that file counts, without it rows of --max-length tokens that are all trained. The layout is the \
      fastest that fits into --memory-budget; if none does, the error says what would fit. Seconds of a step come from the \
      calls of kernels that the same dry run counts, each measured for a moment on this machine.

        qpeft plan --model smol-nf4 --max-length 2048
        qpeft plan --model smol-nf4 --data train.jsonl --checkpointing none
        qpeft plan --model llama-7b-nf4 --memory-budget 3GiB --resident-weights 1GiB
        qpeft plan --model config.json --memory-budget 64GiB
      """)

  @Option(
    help: ArgumentHelp(
      "A directory, a .gguf file, ORG/NAME of the hub (see pull), or a config.json alone: that model in NF4.",
      valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Rows to train on.", valueName: "file"))
  var data: String?

  @OptionGroup(title: "Rows") var rows: RowArguments
  @OptionGroup(title: "Adapter") var adapter: AdapterArguments
  @OptionGroup(title: "Optimization") var optimization: OptimizationArguments
  @OptionGroup(title: "Memory") var memory: MemoryArguments
  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print the plan as JSON.")
  var json = false

  func validate() throws {
    if isConfiguration, data != nil || adapter.initAdapter != nil || memory.cacheActivations != nil {
      throw ValidationError(
        "A config.json alone is planned without --data, --init-adapter and --cache-activations: these need the model.")
    }
    let (tokens, overflows) = rows.maxLength.multipliedReportingOverflow(by: optimization.batchSize)
    if data == nil, overflows || tokens > 1 << 32 {
      throw ValidationError("--batch-size times --max-length must be at most \(1 << 32) tokens.")
    }
  }

  func run() async throws {
    try threads.apply()
    var options = optimization.options(maxLength: rows.maxLength)
    memory.apply(to: &options)
    let trainer = isConfiguration ? try plannedTrainer(options) : try trainer(options)
    try PlanReport.show(trainer, on: .standard, asJSON: json)
  }

  /// Whether the model is named by its `config.json` alone.
  private var isConfiguration: Bool { model.hasSuffix(".json") }

  private func trainer(_ options: TrainingOptions) throws -> Trainer {
    let base = try BaseModel(model, residentWeights: memory.residentWeights?.bytes)
    let tuned = try memory.caching(
      adapter.initAdapter.map { try base.attach(adapter: $0) }
        ?? base.attach(adapter.configuration(blocks: base.shape.blockCount)))
    let rows = try data.map { try base.read($0, self.rows.options, .error).rows } ?? longestRows
    return try tuned.trainer(on: rows, options: options)
  }

  private func plannedTrainer(_ options: TrainingOptions) throws -> Trainer {
    let base = try PlannedModel(configuration: model, residentWeights: memory.residentWeights?.bytes)
    return try base.trainer(
      try adapter.configuration(blocks: base.shape.blockCount), on: longestRows, options: options)
  }

  private var longestRows: any RowSource {
    let longest = TrainingRow(
      ids: Array(repeating: 0, count: rows.maxLength), isTrained: Array(repeating: true, count: rows.maxLength))
    return Array(repeating: longest, count: optimization.batchSize * optimization.gradientAccumulation)
  }
}
