internal import ArgumentParser
internal import QPEFT

/// `qpeft pull`.
struct Pull: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetch a model from the Hugging Face hub.",
    discussion: """
      Into the cache that huggingface's tools share, several files at a time, each checked against the hub's checksum. An \
      interrupted fetch goes on where it stopped. Afterwards every command takes ORG/NAME for a model. Of a model with \
      safetensors weights everything that is needed is fetched; name other files with --include.

        qpeft pull HuggingFaceTB/SmolLM2-135M-Instruct
        qpeft pull HuggingFaceTB/SmolLM2-135M-Instruct@v1.0 --json
        qpeft pull bartowski/SmolLM2-135M-Instruct-GGUF --include '*Q8_0.gguf'

      Environment: HF_HOME or HF_HUB_CACHE (where the cache is), HF_TOKEN (for private and gated models; else the token of \
      a login), HF_ENDPOINT (another hub), HF_HUB_OFFLINE=1 (look into the cache alone).
      """)

  @Argument(help: ArgumentHelp("ORG/NAME, or ORG/NAME@REVISION for a branch, tag or commit.", valueName: "model"))
  var model: String

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Globs of the files to fetch.", valueName: "pattern"))
  var include: [String] = []

  @Flag(help: "Print as JSON what was fetched.")
  var json = false

  func validate() throws {
    if HubReference(model) == nil {
      throw ValidationError("\(model) is not of the form ORG/NAME or ORG/NAME@REVISION.")
    }
  }

  func run() async throws {
    guard let reference = HubReference(model) else { return }
    let terminal = json ? Terminal.error : Terminal.standard
    let meter = ProgressMeter("fetching", terminal)
    let (reports, report) = AsyncStream.makeStream(of: HubPull.Progress.self, bufferingPolicy: .bufferingNewest(1))
    let pull = HubPull(reference, patterns: include)
    async let result = {
      defer { report.finish() }
      return try await pull.run { report.yield($0) }
    }()
    for await progress in reports {
      meter.show(
        progress.bytes, of: max(1, progress.totalBytes),
        "\(Format.bytes(progress.bytes)) of \(Format.bytes(progress.totalBytes)), file \(progress.files) of \(progress.totalFiles)"
      )
    }
    terminal.endLiveLine(keeping: false)
    let pulled = try await result
    if json {
      Terminal.standard.line(try Format.json(pulled))
    } else {
      terminal.line(
        "\(reference): \(Format.count(pulled.files.count, "file"))"
          + (pulled.bytes > 0 ? ", \(Format.bytes(pulled.bytes))" : "") + ", commit \(pulled.commit.prefix(12))")
      terminal.line(pulled.path)
    }
  }
}
