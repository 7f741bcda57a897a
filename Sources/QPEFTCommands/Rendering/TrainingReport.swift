internal import QPEFT

/// What `qpeft train` shows: what was found, what is planned, and how it goes.
final class TrainingReport {
  let terminal: Terminal
  private let options: TrainingOptions
  private var lastStep = 0
  private var firstStep = 1
  private var seconds = 0.0
  private var steps = 0

  init(terminal: Terminal, options: TrainingOptions) {
    self.terminal = terminal
    self.options = options
  }

  /// Machine, model and adapter.
  func found(_ base: BaseModel, _ tuned: AdaptedModel) {
    terminal.line(
      "machine   \(KernelSet.active) kernels, \(Format.count(KernelSet.threadCount, "thread")), computing in float32"
        + (options.computeType == .bf16 ? ", products with weights and attention in bfloat16" : ""))
    if options.computeType == .bf16 && !KernelSet.multipliesBFloat16 {
      terminal.line(
        "note      these kernels have no instructions for bfloat16: --compute-dtype f32 is faster, and exact")
    }
    terminal.line("model     \(base.path)")
    var table = Table(["weights", "stored as", "parameters", "bytes"], right: [2, 3])
    for group in tuned.model.weightGroups {
      table.add([group.name, group.storage, Format.count(group.parameters), Format.bytes(group.bytes)])
    }
    if let adapters = tuned.adapters {
      table.add([
        "adapter (trained)", "f32", Format.count(adapters.parameterCount), Format.bytes(adapters.parameterCount * 4),
      ])
    }
    table.lines.forEach { terminal.line("        " + $0) }
    if let adapters = tuned.adapters {
      let settings = adapters.configuration
      terminal.line(
        "adapter   \(settings.usesDoRA ? "DoRA" : "LoRA") on \(Format.count(adapters.adaptedLayers.count, "layer")), rank \(settings.rank), "
          + "alpha \(Format.short(Double(settings.alpha))), dropout \(Format.short(Double(settings.dropout))): "
          + "\(Format.count(adapters.parameterCount)) trained parameters")
    }
    if let cache = (tuned.model as? CachedModel)?.cache {
      terminal.line(
        "cache     rows of the first \(Format.count(tuned.model.frozenBlockCount, "block")) in \(cache.directory), "
          + "as \(cache.storage.rawValue)")
    }
    for warning in tuned.warnings { terminal.line("warning   \(warning)") }
  }

  /// One file of rows.
  func show(_ dataset: Dataset, named name: String) {
    let report = dataset.report
    terminal.line(
      "data      \(name): \(Format.count(report.rows, "row")), \(Format.count(report.tokens, "token")), "
        + "\(Format.count(report.trainedTokens)) of them trained, longest row \(Format.count(report.longest))")
    for finding in dataset.findings.findings where finding.severity != .error {
      let name = finding.severity.rawValue
      terminal.line(name + String(repeating: " ", count: 10 - name.count) + Format.words(finding))
    }
  }

  /// One event.
  func show(_ event: TrainingEvent) {
    switch event {
    case .started(let summary): show(summary)
    case .step(let metrics): show(metrics)
    case .evaluation(let step, let result):
      terminal.line(
        "step \(step): evaluation loss \(Format.fixed(result.loss, 4)), "
          + "perplexity \(Format.fixed(result.perplexity, 3)) on \(Format.count(result.predictedTokens, "token"))")
    case .snapshot(_, let path): terminal.line("snapshot in \(path)")
    case .finished(let step, let adapter):
      terminal.endLiveLine()
      terminal.line(
        "done      \(Format.count(step, "step")) in \(Format.duration(seconds))"
          + (adapter.map { "; adapter in \($0)" } ?? ""))
    }
  }

  private func show(_ summary: TrainingSummary) {
    firstStep = summary.firstStep
    lastStep = summary.lastStep
    terminal.line("memory    \(Self.words(summary.plan))")
    terminal.line("layout    \(PlanReport.words(summary.plan.layout))")
    let batch =
      options.gradientAccumulation > 1
      ? "\(options.gradientAccumulation) batches of \(options.batchSize)" : "\(options.batchSize)"
    terminal.line(
      "run       steps \(summary.firstStep) to \(summary.lastStep) (\(summary.stepsPerEpoch) an epoch), "
        + "\(batch) \(isPacked ? "packed " : "")\(options.batchSize * options.gradientAccumulation == 1 ? "row" : "rows") "
        + "a step, "
        + "\(options.schedule.rawValue) learning rate \(Format.short(options.learningRate)), seed \(options.seed)")
  }

  private var isPacked: Bool { if case .packed = options.arrangement { true } else { false } }

  /// A plan in a line.
  static func words(_ plan: MemoryPlan) -> String {
    "planned \(Format.bytes(plan.resident)) resident: weights \(Format.bytes(plan.residentWeights)), tensors "
      + "\(Format.bytes(plan.tensors)), data \(Format.bytes(plan.data)), process \(Format.bytes(plan.process))"
      + (plan.budget.map { "; budget \(Format.bytes($0))" } ?? "")
  }

  private func show(_ metrics: StepMetrics) {
    seconds += metrics.seconds
    steps += 1
    let rest = Double(lastStep - metrics.step) * seconds / Double(steps)
    let width = "\(lastStep)".count
    let number = String(repeating: " ", count: width - "\(metrics.step)".count) + "\(metrics.step)"
    let line =
      "step \(number)/\(lastStep)  loss \(Format.fixed(metrics.loss, 4))  lr \(Format.short(metrics.learningRate))  "
      + "grad \(Format.fixed(metrics.gradientNorm, 3))  \(Format.fixed(metrics.tokensPerSecond, 0)) tok/s  "
      + "\(rest > 0 ? "\(Format.duration(rest)) left" : "")  \(Format.bytes(metrics.peakBytes))"
    let interval = max(1, (lastStep - firstStep + 1) / 100)
    if terminal.isInteractive {
      terminal.live(line)
    } else if metrics.step % interval == 0 || metrics.step == firstStep || metrics.step == lastStep {
      terminal.line(line)
    }
  }
}
