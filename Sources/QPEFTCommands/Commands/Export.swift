internal import ArgumentParser
internal import QPEFT

/// `qpeft export`.
struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model or an adapter in the form of other programs.",
    discussion: """
      A model becomes a GGUF file for llama.cpp and Ollama; an adapter becomes a GGUF adapter, or a directory for mlx-lm.

        qpeft export gguf --model smol-nf4 --adapter adapter --output smol.gguf
        qpeft export gguf-adapter --model smol-nf4 --adapter adapter --output adapter.gguf
        qpeft export mlx-adapter --model smol-nf4 --adapter adapter --output adapter-mlx
      """,
    subcommands: [ExportGGUF.self, ExportGGUFAdapter.self, ExportMLXAdapter.self])
}

/// `qpeft export gguf`.
struct ExportGGUF: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gguf",
    abstract: "A model, its adapter merged in, as one GGUF file with tokenizer and chat template.",
    discussion: """
      Beside FILE.gguf lies FILE.Modelfile: ollama create NAME -f FILE.Modelfile. Matrices whose rows are not whole blocks \
      of the type get the one that llama.cpp falls back to, and are listed; norms stay float32; the head has more bits.

        qpeft export gguf --model smol-nf4 --adapter adapter --output smol.gguf
        qpeft export gguf --model smol-nf4 --adapter adapter --output smol.gguf \\
          --type q4_k_m --base original SmolLM2-135M
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Directory of an adapter to merge.", valueName: "dir"))
  var adapter: String?

  @Option(help: ArgumentHelp("File to write; it must not exist.", valueName: "file.gguf"))
  var output: String

  @Option(help: "How matrices are stored.")
  var type = GGUFStorage.q8_0

  @OptionGroup var base: MergeBaseOptions

  @Flag(help: "Print the report as JSON.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  func run() async throws {
    try threads.apply()
    var export = GGUFExport(model: model, adapter: adapter, output: output)
    export.storage = type
    export.base = base.choice
    let terminal = json ? Terminal.error : Terminal.standard
    let report = try terminal.interruptible("exporting") { try export.run(progress: $0) }
    if json { Terminal.standard.line(try Format.json(report)) } else { show(report) }
  }

  private func show(_ report: GGUFExportReport) {
    let terminal = Terminal.standard
    var table = Table(["stored as", "tensors", "bytes", "largest relative error"], right: [1, 2, 3])
    for type in Set(report.tensors.map(\.type)).sorted() {
      let tensors = report.tensors.filter { $0.type == type }
      let error = tensors.map(\.relativeError).max() ?? 0
      table.add([
        type, "\(tensors.count)", Format.bytes(tensors.reduce(0) { $0 + $1.bytes }),
        Format.fixed(error * 100, 2) + " %",
      ])
    }
    table.lines.forEach { terminal.line($0) }
    if let example = report.fallbacks.first {
      terminal.line(
        "warning   \(Format.count(report.fallbacks.count, "tensor")) could not be \(example.wantedType ?? "") because rows of "
          + "\(Format.count(example.shape.last ?? 0)) are not whole blocks: stored as \(example.type), for example \(example.name)"
      )
    }
    terminal.line("done      \(Format.bytes(report.bytes)) in \(Format.duration(report.seconds)): \(report.output)")
    terminal.line("ollama    ollama create NAME -f \(GGUFExport.modelfile(for: report.output))")
  }
}

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

        qpeft export gguf-adapter --model smol-nf4 --adapter adapter --output adapter.gguf
        llama-cli -m smol.gguf --lora adapter.gguf
      """)

  @OptionGroup var options: AdapterExportOptions

  @Option(help: ArgumentHelp("File to write; it must not exist.", valueName: "file.gguf"))
  var output: String

  func run() async throws { try options.export(.gguf, to: output) }
}

/// `qpeft export mlx-adapter`.
struct ExportMLXAdapter: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mlx-adapter",
    abstract: "An adapter as a directory that mlx-lm loads.",
    discussion: """
      mlx-lm has one rank and one scale: lower ranks are filled up with zeros, other scales multiplied into B.

        qpeft export mlx-adapter --model smol-nf4 --adapter adapter --output adapter-mlx
      """)

  @OptionGroup var options: AdapterExportOptions

  @Option(help: ArgumentHelp("Directory to write; it must not exist or be empty.", valueName: "dir"))
  var output: String

  func run() async throws { try options.export(.mlx, to: output) }
}
