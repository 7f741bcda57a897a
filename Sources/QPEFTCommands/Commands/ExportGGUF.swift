internal import ArgumentParser
internal import QPEFT

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

  func validate() throws { try OutputName.check(output) }

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
