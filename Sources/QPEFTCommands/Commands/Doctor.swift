internal import ArgumentParser
internal import Foundation
internal import QPEFT
internal import QPEFTMeasurement

/// `qpeft doctor`.
struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What this machine offers, and how fast it computes.",
    discussion: """
      Shows the kernels that the processor supports (the environment variable QPEFT_KERNELS chooses one of them), threads and \
      memory, measures speed for two seconds, and multiplies two matrices to see that everything works. `qpeft bench` measures \
      more.

        qpeft doctor
        QPEFT_KERNELS=reference qpeft doctor --json
      """)

  @Flag(help: "Print the findings as JSON.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  private struct Findings: Encodable {
    var kernels: String
    var kernels_supported: [String]
    var multiplies_bf16: Bool
    var threads: Int
    var cores: Int
    var memory_bytes: Int
    var memory_available_bytes: Int?
    var processor: String
    var gflops: [String: Double]
    var memory_bandwidth: MemoryBandwidth
    var relative_error: Double
  }

  func run() async throws {
    try threads.apply()
    let findings = Findings(
      kernels: KernelSet.active, kernels_supported: KernelSet.supported,
      multiplies_bf16: KernelSet.multipliesBFloat16, threads: KernelSet.threadCount,
      cores: ProcessInfo.processInfo.activeProcessorCount,
      memory_bytes: ProcessMemory.installed, memory_available_bytes: ProcessMemory.available,
      processor: Processor.name,
      gflops: [
        "nf4, 256 tokens": Self.gflops(.nf4Forward, tokens: 256),
        "nf4, 1 token": Self.gflops(.nf4Forward, tokens: 1),
        "nf4, 256 tokens, backward": Self.gflops(.nf4Backward, tokens: 256),
        "nf4, 256 tokens, in bf16": Self.gflops(.nf4ForwardInBF16, tokens: 256),
        "bf16, 256 tokens": Self.gflops(.bf16Forward, tokens: 256),
      ], memory_bandwidth: .measure(), relative_error: try Self.relativeError())
    if json {
      Terminal.standard.line(try Format.json(findings))
    } else {
      show(findings)
    }
    guard findings.relative_error < 1e-4 else {
      throw Failure(
        message: "the kernels \(findings.kernels) multiply wrongly on this machine",
        remedy: "set QPEFT_KERNELS=reference and report the processor's name")
    }
  }

  private func show(_ findings: Findings) {
    let terminal = Terminal.standard
    terminal.line("processor \(findings.processor)")
    terminal.line("kernels   \(findings.kernels) (supported: \(findings.kernels_supported.joined(separator: ", ")))")
    terminal.line(
      "bfloat16  "
        + (findings.multiplies_bf16
          ? "multiplied by instructions of its own (train --compute-dtype bf16)"
          : "no instructions for it: train --compute-dtype bf16 is slower than f32"))
    terminal.line("threads   \(findings.threads), \(Format.count(findings.cores, "core"))")
    terminal.line(
      "memory    \(Format.bytes(findings.memory_bytes))"
        + (findings.memory_available_bytes.map { ", \(Format.bytes($0)) free" } ?? ""))
    for (name, speed) in findings.gflops.sorted(by: { $0.key < $1.key }) {
      terminal.line("speed     \(name): \(Format.fixed(speed, 1)) GFLOP/s")
    }
    terminal.line(
      "speed     memory: \(Format.fixed(findings.memory_bandwidth.read, 1)) GB/s read, "
        + "\(Format.fixed(findings.memory_bandwidth.update, 1)) GB/s read and written")
    terminal.line("check     products agree to \(Format.short(findings.relative_error))")
  }

  /// Speed of a product of the size of a layer of a 1B model.
  private static func gflops(_ kernel: MeasuredKernel, tokens: Int) -> Double {
    KernelWork(KernelCase(kernel, rows: 2048, columns: 2048, tokens: tokens)).gflops()
  }

  /// Distance of the quantized product from the product with the decoded weights, by the latter's size.
  private static func relativeError() throws -> Double {
    let weights = Tensor.uniform([1024, 1024], low: -1, high: 1, key: RandomKey(seed: 1))
    let quantized = try Quantized4BitMatrix(quantizing: weights)
    let x = Tensor.uniform([7, 1024], low: -1, high: 1, key: RandomKey(seed: 3))
    let expected = DenseMatrix(quantized.decoded()).multiply(x)
    let difference = quantized.multiply(x) + (-1 * expected)
    return (difference.sumOfSquares() / expected.sumOfSquares()).squareRoot()
  }
}
