internal import ArgumentParser
internal import QPEFT

/// `qpeft plan`.
struct Plan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Memory that a training run will take, without running it.",
    discussion: """
      The numbers come from the code of a training step itself, run on tensors without memory; no weight is read. With --data \
      the longest batch of that file counts, without it rows of --max-length tokens that are all trained. The layout is the \
      fastest that fits into --memory-budget; if none does, the error says what would fit.

        qpeft plan --model smol-nf4 --max-length 2048
        qpeft plan --model smol-nf4 --data train.jsonl --checkpointing none
        qpeft plan --model llama-7b-nf4 --memory-budget 3GiB --resident-weights 1GiB
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
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

  func run() async throws {
    try threads.apply()
    let base = try BaseModel(model, residentWeights: memory.residentWeights?.bytes)
    let tuned = try memory.caching(
      adapter.initAdapter.map { try base.attach(adapter: $0) }
        ?? base.attach(adapter.configuration(blocks: base.shape.blockCount)))
    var options = optimization.options(maxLength: rows.maxLength)
    memory.apply(to: &options)
    let plan = try tuned.trainer(on: trainingRows(base), options: options).plan()
    try PlanReport.show(plan, on: .standard, asJSON: json)
  }

  private func trainingRows(_ base: BaseModel) throws -> any RowSource {
    if let data { return try base.read(data, rows.options, .error).rows }
    let longest = TrainingRow(
      ids: Array(repeating: 0, count: rows.maxLength), isTrained: Array(repeating: true, count: rows.maxLength))
    return Array(repeating: longest, count: optimization.batchSize * optimization.gradientAccumulation)
  }
}
