internal import ArgumentParser
internal import QPEFT

/// What both adapter exports take.
struct AdapterExportOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The model that the adapter is for: a directory, a .gguf file, or ORG/NAME of the hub.", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Directory of the adapter.", valueName: "dir"))
  var adapter: String

  @Flag(help: "Print the report as JSON.")
  var json = false

  private struct Report: Encodable {
    var output: String
    var layers: [String]
  }

  func export(_ format: AdapterExport.Format, to output: String) throws {
    let layers = try AdapterExport(model: model, adapter: adapter, output: output, format: format).run()
    Terminal.standard.line(
      json
        ? try Format.json(Report(output: output, layers: layers))
        : "done      \(Format.count(layers.count, "adapted layer")): \(output)")
  }
}

/// `qpeft export gguf-adapter`.
struct ExportGGUFAdapter: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gguf-adapter",
    abstract: "An adapter as a GGUF file that llama.cpp puts on a model while it runs.",
    discussion: """
      Scales that the format has no place for (of rsLoRA, of single layers) are multiplied into B.

        qpeft export gguf-adapter --model smol-nf4 --adapter adapter \\
          --output adapter.gguf
        llama-cli -m smol.gguf --lora adapter.gguf
      """)

  @OptionGroup var options: AdapterExportOptions

  @Option(help: ArgumentHelp("File to write; it must not exist.", valueName: "file.gguf"))
  var output: String

  func validate() throws { try OutputName.check(output) }

  func run() async throws { try options.export(.gguf, to: output) }
}

/// `qpeft export mlx-adapter`.
struct ExportMLXAdapter: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mlx-adapter",
    abstract: "An adapter as a directory that mlx-lm loads.",
    discussion: """
      mlx-lm has one rank and one scale: lower ranks are filled up with zeros, other scales multiplied into B.

        qpeft export mlx-adapter --model smol-nf4 --adapter adapter \\
          --output adapter-mlx
      """)

  @OptionGroup var options: AdapterExportOptions

  @Option(help: ArgumentHelp("Directory to write; it must not exist or be empty.", valueName: "dir"))
  var output: String

  func validate() throws { try OutputName.check(output) }

  func run() async throws { try options.export(.mlx, to: output) }
}
