internal import ArgumentParser
internal import QPEFT

/// `qpeft inspect`.
struct Inspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What is in a model, an adapter, or a file of weights.",
    discussion: """
      PATH is a model directory, a .gguf file, a PEFT or mlx adapter directory, or a .safetensors file. With --source every \
      weight is compared with the one that it was made from.

        qpeft inspect smol-nf4
        qpeft inspect model.gguf --tensors
        qpeft inspect smol-nf4 --source SmolLM2-135M
        qpeft inspect adapter --json
      """)

  @Argument(help: ArgumentHelp("A directory, a file, or ORG/NAME of the hub (see pull).", valueName: "path"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The model that this one was made from: a directory, a .gguf file, or ORG/NAME of the hub.", valueName: "model"))
  var source: String?

  @Flag(help: "List every tensor of a model too. (Adapters and files of weights are always listed.)")
  var tensors = false

  @Flag(help: "Print as JSON: all tensors, and with --source all errors.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  func run() async throws {
    try threads.apply()
    var inspection = try Inspection(ModelLocation.path(of: path))
    if let source {
      guard inspection.kind == .model || inspection.kind == .gguf else {
        throw Failure(message: "\(path) is not a model", remedy: "leave --source out, or name a model")
      }
      let terminal = json ? Terminal.error : Terminal.standard
      let meter = ProgressMeter("comparing", terminal)
      try inspection.compare(with: ModelLocation.path(of: source)) { meter.show($0, of: $1, "\($0) of \($1) weights") }
      terminal.endLiveLine(keeping: false)
    }
    if json { Terminal.standard.line(try Format.json(inspection)) } else { show(inspection) }
  }

  private func show(_ inspection: Inspection) {
    let terminal = Terminal.standard
    terminal.line("\(inspection.kind.rawValue) \(inspection.path)")
    let width = inspection.facts.keys.map(\.count).max() ?? 0
    for (key, value) in inspection.facts.sorted(by: { $0.key < $1.key }) {
      let words = Int(value).map { key == "bytes" ? Format.bytes($0) : Format.count($0) } ?? value
      terminal.line("  " + key + String(repeating: " ", count: width - key.count) + "  " + words)
    }
    var groups = Table(["stored as", "tensors", "parameters", "bytes", "bits each"], right: [1, 2, 3, 4])
    for group in inspection.groups {
      groups.add([
        group.type, Format.count(group.tensors), Format.count(group.parameters), Format.bytes(group.bytes),
        Format.fixed(Double(group.bytes) * 8 / Double(max(1, group.parameters)), 2),
      ])
    }
    groups.lines.forEach { terminal.line($0) }
    if tensors || inspection.kind == .adapter || inspection.kind == .safetensors {
      var table = Table(["tensor", "type", "shape", "bytes"], right: [3])
      for tensor in inspection.tensors {
        table.add([tensor.name, tensor.type, "\(tensor.shape)", Format.bytes(tensor.bytes)])
      }
      table.lines.forEach { terminal.line($0) }
    }
    guard let errors = inspection.errors else { return }
    var table = Table(["weight", "type", "relative error", "largest error"], right: [2, 3])
    for error in errors {
      table.add([
        error.name, error.type, Format.fixed(error.relativeError * 100, 3) + " %", Format.short(error.largestError),
      ])
    }
    table.lines.forEach { terminal.line($0) }
  }
}
