internal import ArgumentParser
internal import QPEFT

/// `qpeft plan`.
struct Plan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Memory that a training run will take, without running it.",
    discussion: """
      The numbers come from the code of a training step itself, run on tensors without memory. With --data the longest batch \
      of that file counts, without it rows of --max-length tokens that are all trained.

        qpeft plan --model smol-nf4 --max-length 2048
        qpeft plan --model smol-nf4 --data train.jsonl --checkpointing off
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Rows to train on.", valueName: "file"))
  var data: String?

  @OptionGroup(title: "Rows") var rows: RowArguments
  @OptionGroup(title: "Adapter") var adapter: AdapterArguments
  @OptionGroup(title: "Optimization") var optimization: OptimizationArguments
  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print the plan as JSON.")
  var json = false

  func run() async throws {
    threads.apply()
    let base = try BaseModel(model)
    let tuned =
      try adapter.initAdapter.map { try base.attach(adapter: $0) }
      ?? base.attach(adapter.configuration(blocks: base.shape.blockCount))
    let options = optimization.options(maxLength: rows.maxLength)
    let plan = try tuned.trainer(on: trainingRows(base), options: options).plan()
    if json {
      Terminal.standard.line(try Format.json(plan))
      return
    }
    var table = Table(["room", "at most"], right: [1])
    table.add(["adapters", Format.bytes(plan.adapters)])
    table.add(["optimizer", Format.bytes(plan.optimizer)])
    table.add(["gradients", Format.bytes(plan.gradients)])
    table.add(["activations", Format.bytes(plan.activations)])
    table.add(["workspace", Format.bytes(plan.workspace)])
    table.add(["together, at one moment", Format.bytes(plan.peak)])
    table.add(["weights, mapped from disk", Format.bytes(plan.weights)])
    table.add(["all", Format.bytes(plan.total)])
    Terminal.standard.line(
      "longest batch: \(Format.count(plan.tokens, "token")), \(Format.count(plan.trainedTokens)) of them trained")
    table.lines.forEach { Terminal.standard.line($0) }
    if let available = ProcessMemory.available { Terminal.standard.line("free memory: \(Format.bytes(available))") }
  }

  private func trainingRows(_ base: BaseModel) throws -> any RowSource {
    if let data { return try base.read(data, rows.options, .error).rows }
    let longest = TrainingRow(
      ids: Array(repeating: 0, count: rows.maxLength), isTrained: Array(repeating: true, count: rows.maxLength))
    return Array(repeating: longest, count: optimization.batchSize * optimization.gradientAccumulation)
  }
}
