internal import ArgumentParser
internal import QPEFT
internal import QPEFTMeasurement

/// `qpeft bench`.
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How fast this machine is, kernel by kernel.",
    discussion: """
      Measures products with 4-bit weights, a head and attention, each in turns with OpenBLAS's sgemm: the same product with the \
      weights as floats, with all cores, in the same run (for attention, queries times keys). A ratio above 1 means faster than \
      sgemm. Then memory, and by arithmetic what the kernels mean for a model of one and of seven billion weights: linear layers \
      and head, without attention.

      Takes about a minute, with --quick a quarter of that. Let the machine do nothing else meanwhile. Numbers of one run may be \
      compared; those of two machines or moments differ.

        qpeft bench
        qpeft bench --quick
        QPEFT_KERNELS=avx2 qpeft bench --json
      """)

  @Flag(help: "Fewer shapes.")
  var quick = false

  @Flag(help: "Print the findings as JSON.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  private struct Findings: Encodable {
    var processor, kernels: String
    var yardstick: String?
    var threads: Int
    var peak_gflops: Double
    var rows: [KernelSpeed]
    var memory: MemoryBandwidth
    var models: [ModelEstimate]
  }

  func run() async throws {
    try threads.apply()
    let terminal = Terminal.standard
    if !json {
      terminal.line("\(Processor.name), \(KernelSet.active) kernels, \(Format.count(KernelSet.threadCount, "thread"))")
      terminal.line("sgemm: " + (KernelWork.yardstickName ?? "none; install OpenBLAS (libopenblas0) to compare"))
      terminal.line("\n  kernel                 rows  columns  tokens   GFLOP/s     sgemm   ratio")
    }
    let speeds = KernelWork.measure(quick ? .quick : .standard) { if !json { terminal.line(Self.row($0)) } }
    let findings = Findings(
      processor: Processor.name, kernels: KernelSet.active, yardstick: KernelWork.yardstickName,
      threads: KernelSet.threadCount, peak_gflops: TilePeak.gflops(),
      rows: speeds, memory: .measure(), models: ModelEstimate.all(speeds))
    if json {
      terminal.line(try Format.json(findings))
    } else {
      terminal.line("\npeak: \(Format.fixed(findings.peak_gflops, 1)) GFLOP/s, the innermost product alone")
      for line in Self.words(findings.memory, findings.models) { terminal.line(line) }
    }
  }

  /// A row under the head that `run` prints: rows appear as they are measured.
  private static func row(_ speed: KernelSpeed) -> String {
    func cell(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(1, width - text.count)) + text
    }
    return "  " + speed.kernel + cell("\(speed.rows)", 27 - speed.kernel.count) + cell("\(speed.columns)", 9)
      + cell("\(speed.tokens)", 8) + cell(Format.fixed(speed.gflops, 1), 10)
      + cell(speed.sgemmGflops.map { Format.fixed($0, 1) } ?? "-", 10)
      + cell(speed.ratio.map { Format.fixed($0, 2) } ?? "-", 8)
  }

  private static func words(_ memory: MemoryBandwidth, _ models: [ModelEstimate]) -> [String] {
    var table = Table(
      ["model", "weights", "in NF4", "generate", "train", "without recomputation"], right: [1, 2, 3, 4, 5])
    for model in models {
      table.add([
        model.name, Format.count(model.parameters), Format.bytes(model.weightBytes),
        Format.fixed(model.generateTokensPerSecond, 1) + " tokens/s",
        Format.fixed(model.trainTokensPerSecond, 1) + " tokens/s",
        Format.fixed(model.trainWithoutRecomputationTokensPerSecond, 1) + " tokens/s",
      ])
    }
    return [
      "memory: \(Format.fixed(memory.read, 1)) GB/s read, \(Format.fixed(memory.update, 1)) GB/s read and written",
      "",
    ] + table.lines
  }
}
