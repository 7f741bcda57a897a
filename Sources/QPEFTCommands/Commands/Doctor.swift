internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// `qpeft doctor`.
struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What this machine offers, and how fast it computes.",
    discussion: """
      Shows the kernels that the processor supports (the environment variable QPEFT_KERNELS chooses one of them), threads and \
      memory, and multiplies two matrices to see that everything works.

        qpeft doctor
        QPEFT_KERNELS=reference qpeft doctor --json
      """)

  @Flag(help: "Print the findings as JSON.")
  var json = false

  @OptionGroup var threads: ThreadOptions

  private struct Findings: Encodable {
    var kernels: String
    var kernels_supported: [String]
    var threads: Int
    var thread_backend: String
    var cores: Int
    var memory_bytes: Int
    var memory_available_bytes: Int?
    var gflops: [String: Double]
    var relative_error: Double
  }

  func run() async throws {
    threads.apply()
    if let wanted = ProcessInfo.processInfo.environment["QPEFT_KERNELS"], !KernelSet.supported.contains(wanted) {
      throw Failure(
        message: "this processor does not support the kernels \(wanted) that QPEFT_KERNELS names",
        remedy: "set it to one of \(KernelSet.supported.joined(separator: ", ")), or unset it")
    }
    let check = SpeedCheck()
    let findings = Findings(
      kernels: KernelSet.active, kernels_supported: KernelSet.supported, threads: KernelSet.threadCount,
      thread_backend: KernelSet.threadBackend, cores: ProcessInfo.processInfo.activeProcessorCount,
      memory_bytes: ProcessMemory.installed, memory_available_bytes: ProcessMemory.available,
      gflops: [
        "float32, 256 tokens": try check.gflops(tokens: 256, quantized: false),
        "nf4, 256 tokens": try check.gflops(tokens: 256, quantized: true),
        "nf4, 1 token": try check.gflops(tokens: 1, quantized: true),
      ], relative_error: try check.relativeError())
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
    terminal.line("kernels   \(findings.kernels) (supported: \(findings.kernels_supported.joined(separator: ", ")))")
    terminal.line(
      "threads   \(findings.threads) by \(findings.thread_backend), \(Format.count(findings.cores, "core"))")
    terminal.line("blas      OpenBLAS, linked")
    terminal.line(
      "memory    \(Format.bytes(findings.memory_bytes))"
        + (findings.memory_available_bytes.map { ", \(Format.bytes($0)) free" } ?? ""))
    for (name, speed) in findings.gflops.sorted(by: { $0.key < $1.key }) {
      terminal.line("speed     \(name): \(Format.fixed(speed, 1)) GFLOP/s")
    }
    terminal.line("check     products agree to \(Format.short(findings.relative_error))")
  }
}

/// Times products of the size of a small model's layer.
private struct SpeedCheck {
  private let width = 1024
  private let weights: Tensor

  init() {
    weights = .uniform([1024, 1024], low: -1, high: 1, key: RandomKey(seed: 1))
  }

  private func matrix(quantized: Bool) throws -> any FrozenMatrix {
    quantized ? try Quantized4BitMatrix(quantizing: weights) : DenseMatrix(weights)
  }

  func gflops(tokens: Int, quantized: Bool) throws -> Double {
    let matrix = try matrix(quantized: quantized)
    let x = Tensor.uniform([tokens, width], key: RandomKey(seed: 2))
    var y = matrix.multiply(x)
    let clock = ContinuousClock()
    var best = Double.infinity
    let repeats = tokens > 1 ? 1 : 64
    for _ in 0..<5 {
      let time = clock.measure { for _ in 0..<repeats { matrix.multiply(x, into: &y, accumulate: false) } }
      best = min(best, time / .seconds(1))
    }
    return 2 * Double(tokens * width * width * repeats) / best / 1e9
  }

  /// Distance of the quantized product from the product with the decoded weights, by the latter's size.
  func relativeError() throws -> Double {
    let quantized = try Quantized4BitMatrix(quantizing: weights)
    let x = Tensor.uniform([7, width], low: -1, high: 1, key: RandomKey(seed: 3))
    let expected = DenseMatrix(quantized.decoded()).multiply(x)
    let difference = quantized.multiply(x) + (-1 * expected)
    return (difference.sumOfSquares() / expected.sumOfSquares()).squareRoot()
  }
}
