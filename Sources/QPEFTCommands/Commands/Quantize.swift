internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// `qpeft quantize`.
struct Quantize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Store the linear layers of a checkpoint in 4 bits.",
    discussion: """
      SOURCE is a Hugging Face directory (safetensors in F32, F16 or BF16, sharded or not) or a .gguf file. The result is a \
      directory in bitsandbytes' own layout, which transformers loads as it is and which qpeft maps into memory. Works tensor \
      by tensor: the model is never in memory as a whole.

        qpeft quantize SmolLM2-135M --output smol-nf4
        qpeft quantize model.Q4_K_M.gguf --output model-nf4 --no-double-quant
        qpeft quantize Llama-3.2-1B --output llama-nf4 --json \\
          --keep 'model.layers.0.*'
      """)

  @Argument(
    help: ArgumentHelp(
      "A Hugging Face directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "source"))
  var source: String

  @Option(help: ArgumentHelp("Directory to write; it must not exist or be empty.", valueName: "dir"))
  var output: String

  @Option(help: "The 16 levels.")
  var format = QuantizationScheme.Format.nf4

  @Option(parsing: .unconditional, help: "Weights that share one scale: 32, 64, ... 4096.")
  var blockSize = QuantizationScheme().blockSize

  @Flag(name: .customLong("no-double-quant"), help: "Keep scales as float32 instead of 8 bits.")
  var noDoubleQuant = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Weights that stay as they are: parts of a name, or globs.", valueName: "pattern"))
  var keep: [String] = []

  @Flag(help: "Print the report as JSON.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    try OutputName.check(output)
    guard QuantizationScheme.blockSizes.contains(blockSize) else {
      let sizes = QuantizationScheme.blockSizes.map(String.init).joined(separator: ", ")
      throw ValidationError("--block-size must be one of \(sizes).")
    }
  }

  func run() async throws {
    try threads.apply()
    let scheme = QuantizationScheme(format: format, blockSize: blockSize, quantizesScales: !noDoubleQuant)
    let quantizer = CheckpointQuantizer(
      source: try ModelLocation.path(of: source), output: output, scheme: scheme, keep: keep)
    let terminal = json ? Terminal.error : Terminal.standard
    let report = try terminal.interruptible("quantizing") { try quantizer.run(progress: $0) }
    if json {
      Terminal.standard.line(try Format.json(report))
    } else {
      show(report)
    }
  }

  private func show(_ report: QuantizationReport) {
    let terminal = Terminal.standard
    let before = (
      layers: report.layers.reduce(0) { $0 + $1.bytesBefore }, kept: report.kept.reduce(0) { $0 + $1.bytesBefore }
    )
    let after = (
      layers: report.layers.reduce(0) { $0 + $1.bytesAfter }, kept: report.kept.reduce(0) { $0 + $1.bytesAfter }
    )
    var sizes = Table(["", "tensors", "before", "after"], right: [1, 2, 3])
    sizes.add([format.rawValue, "\(report.layers.count)", Format.bytes(before.layers), Format.bytes(after.layers)])
    sizes.add(["kept", "\(report.kept.count)", Format.bytes(before.kept), Format.bytes(after.kept)])
    sizes.add([
      "all", "\(report.layers.count + report.kept.count)", Format.bytes(report.bytesBefore),
      Format.bytes(report.bytesAfter),
    ])
    sizes.lines.forEach { terminal.line($0) }
    terminal.line()
    var worst = Table(["worst layers", "relative error"], right: [1])
    for layer in report.worstLayers(5) { worst.add([layer.name, Format.fixed(layer.relativeError * 100, 2) + " %"]) }
    worst.lines.forEach { terminal.line($0) }
    terminal.line()
    terminal.line(
      "  \(Format.count(report.parameterCount)) parameters, \(Format.fixed(report.bitsPerParameter, 2)) bits each, "
        + "in \(Format.duration(report.seconds)): \(report.output)")
  }
}
