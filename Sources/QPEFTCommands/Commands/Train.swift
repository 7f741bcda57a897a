internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// `qpeft train`.
struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fine-tune a LoRA adapter on a quantized model.",
    discussion: """
      Rows are {"text": ...}, {"prompt": ..., "completion": ...}, {"messages": [...]} and other forms (Docs/Text.md), as JSON \
      Lines, JSON, CSV or text, also by gzip; `qpeft data` looks them over. The result is a PEFT adapter directory, with metrics.jsonl beside it. Ctrl-C writes a snapshot; the same command with --resume goes \
      on from there, exactly.

        qpeft train --model smol-nf4 --data train.jsonl --output adapter
        qpeft train --model smol-nf4 --data train.jsonl --output adapter \\
          --eval-data heldout.jsonl --epochs 3 --batch-size 4 \\
          --learning-rate 1e-3 --schedule cosine --warmup-steps 20
        qpeft train --model smol-nf4 --data train.jsonl --output adapter \\
          --layers 8 --use-dora --rank-pattern down_proj=32 --optimizer adamw-8bit
        qpeft train --model smol-nf4 --data chats.jsonl --data old.csv.gz:0.3 \\
          --output adapter --eval-split 0.05 --packing
        qpeft train ... --output adapter --memory-budget 2GiB
        qpeft train ... --output adapter --layers 4 --epochs 3 \\
          --cache-activations cache
        qpeft train ... --output adapter --resume
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Directory of the adapter to be.", valueName: "dir"))
  var output: String

  @OptionGroup(title: "Data") var data: DataArguments
  @OptionGroup(title: "Rows") var rows: RowArguments
  @OptionGroup(title: "Adapter") var adapter: AdapterArguments
  @OptionGroup(title: "Optimization") var optimization: OptimizationArguments
  @OptionGroup(title: "Memory") var memory: MemoryArguments
  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Go on from the newest snapshot in the output directory.")
  var resume = false

  @Flag(help: "Print the memory plan and stop: nothing is written.")
  var dryRun = false

  @Flag(help: "With --dry-run: print the plan as JSON.")
  var json = false

  func validate() throws {
    try OutputName.check(output)
    if json && !dryRun { throw ValidationError("--json goes with --dry-run.") }
  }

  func run() async throws {
    try threads.apply()
    var options = optimization.options(maxLength: rows.maxLength)
    memory.apply(to: &options)
    let base = try BaseModel(model, residentWeights: memory.residentWeights?.bytes)
    let tuned = try memory.caching(makeAdapter(base))
    let report = TrainingReport(terminal: json ? .error : .standard, options: options)
    report.found(base, tuned)
    let loaded = try data.load(base, rows.options, seed: optimization.seed, report)
    if dryRun {
      let trainer = try tuned.trainer(on: loaded.training, evaluation: loaded.evaluation, options: options)
      return try PlanReport.show(trainer, on: .standard, asJSON: json)
    }
    // Only from here on there is something to end in good order.
    Interruption.listen()
    let run = try tuned.train(
      on: loaded.training, evaluation: loaded.evaluation, options: options, output: output, resumes: resume)
    run.isInterrupted = { Interruption.isRequested }
    do {
      for try await event in run {
        report.show(event)
        if Interruption.isRequested, !event.isLast { throw CancellationError() }
      }
    } catch is CancellationError { throw try interrupted(run) }
  }

  private func makeAdapter(_ base: BaseModel) throws -> AdaptedModel {
    if let directory = adapter.initAdapter { return try base.attach(adapter: directory, seed: optimization.seed) }
    return try base.attach(adapter.configuration(blocks: base.shape.blockCount), seed: optimization.seed)
  }

  private func interrupted(_ run: TrainingRun) throws -> ExitCode {
    let snapshot = try run.saveSnapshot()
    Terminal.standard.endLiveLine()
    if let path = snapshot {
      Terminal.standard.line("interrupted: snapshot in \(path); run the same command with --resume to go on")
    } else {
      Terminal.standard.line("interrupted before the first step: nothing to resume")
    }
    return ExitCode(130)
  }
}

extension TrainingEvent {
  /// Whether nothing comes after this event.
  var isLast: Bool { if case .finished = self { true } else { false } }
}
