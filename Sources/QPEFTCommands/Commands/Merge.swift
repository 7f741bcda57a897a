internal import ArgumentParser
internal import QPEFT

/// `qpeft merge`.
struct Merge: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make one ordinary model of a model and its adapter.",
    discussion: """
      The result is a Hugging Face directory that transformers loads without peft. Weights are computed in float32, about a million at \
      a time, and rounded once. Afterwards both models read a text, and what differs is reported: mean KL divergence, how \
      often the likeliest token is the same, and perplexity.

      --base dequantized (default) adds the adapter to the weights that it was trained on. --base original DIR adds it to those \
      of another directory, usually the one that was quantized: nearer to the original model, farther from what was trained.

        qpeft merge --model smol-nf4 --adapter adapter --output smol-tuned
        qpeft merge --model smol-nf4 --adapter adapter --output smol-tuned \\
          --base original SmolLM2-135M --dtype f16
        qpeft merge --model smol-nf4 --adapter adapter --output smol-tuned-nf4 \\
          --requantize nf4 --text book.txt --json
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Directory of the adapter.", valueName: "dir"))
  var adapter: String

  @Option(help: ArgumentHelp("Directory to write; it must not exist or be empty.", valueName: "dir"))
  var output: String

  @OptionGroup var base: MergeBaseOptions

  @Option(help: "Type of the result's numbers. (default: the one that config.json names)")
  var dtype: ElementType?

  @Option(help: "Store the linear layers in 4 bits again; what that loses is reported.")
  var requantize: QuantizationScheme.Format?

  @Option(help: ArgumentHelp("Text to compare on. (default: a page that comes with qpeft)", valueName: "file"))
  var text: String?

  @Flag(name: .customLong("no-compare"), help: "Write the result and compare nothing.")
  var noCompare = false

  @Flag(help: "Print the report as JSON.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    try OutputName.check(output)
    if dtype != nil && requantize != nil { throw ValidationError("Give --dtype or --requantize, not both.") }
    if text != nil && noCompare { throw ValidationError("--text belongs to the comparison: leave --no-compare out.") }
  }

  private struct Report: Encodable {
    var merge: MergeReport
    var comparison: ModelComparison?
  }

  func run() async throws {
    try threads.apply()
    let merge = AdapterMerge(
      model: model, adapter: adapter, output: output, base: base.choice,
      storage: requantize.map { .fourBit(QuantizationScheme(format: $0)) } ?? .float(dtype))
    if let text { try merge.checkText(text) }
    let terminal = json ? Terminal.error : Terminal.standard
    let report = try terminal.interruptible("merging") { try merge.run(progress: $0) }
    if !json { show(report) }
    let meter = ProgressMeter("comparing", terminal)
    let comparison = try noCompare ? nil : merge.compare(on: text) { meter.show($0, of: $1, "\($0) of \($1) windows") }
    terminal.endLiveLine(keeping: false)
    if json {
      Terminal.standard.line(try Format.json(Report(merge: report, comparison: comparison)))
    } else if let comparison {
      show(comparison)
    }
  }

  private func show(_ report: MergeReport) {
    let terminal = Terminal.standard
    let base = report.base == "dequantized" ? "the model's own weights" : report.base
    let storage = report.linearType == report.type ? report.type : "\(report.linearType) and \(report.type)"
    terminal.line(
      "merged    \(Format.count(report.layers.count, "layer")) into \(base); \(Format.count(report.parameters)) parameters in "
        + "\(storage), \(Format.bytes(report.bytes)), in \(Format.duration(report.seconds)): \(report.output)")
    terminal.line(
      "rounding  \(Format.short(report.roundingOverUpdate * 100)) % of the update's size is lost in \(storage)")
    let below = report.layersBelowRounding
    guard !below.isEmpty else { return }
    terminal.line(
      "warning   in \(Format.count(below.count, "layer")) of \(report.layers.count) the update is smaller than what storing in "
        + "\(report.linearType) loses, for example \(below[0].name); "
        + (requantize == nil ? "choose a wider --dtype" : "keep the adapter beside the model, or store floats"))
  }

  private func show(_ comparison: ModelComparison) {
    Terminal.standard.line(
      "compared  with the adapter on, \(Format.count(comparison.tokens, "token")): KL divergence "
        + "\(Format.short(comparison.divergence)), same likeliest token \(Format.fixed(comparison.agreement * 100, 2)) %, "
        + "perplexity \(Format.fixed(comparison.perplexity, 4)) -> \(Format.fixed(comparison.otherPerplexity, 4))")
  }
}
