internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Output head with cross-entropy and its gradient, in chunks of rows as training takes them, beside the same two products by one call of
/// OpenBLAS each, with the head as floats and all logits at once.
struct HeadBenchmark {
  let clock: TurnClock
  private let tokens = 512
  private let logitsByteCount = 24 << 20

  func run() {
    print("head               stored   GFLOP/s   sgemm  ratio")
    for (rows, columns) in [(49152, 576), (32000, 2048)] {
      for (name, kernel) in [("bf16", MeasuredKernel.bf16Forward), ("nf4", .nf4Forward)] {
        measure(MeasuredWeights(kernel, rows: rows, columns: columns), name)
      }
    }
  }

  private func measure(_ head: MeasuredWeights, _ name: String) {
    let (vocabulary, width) = (head.view.rows, head.view.columns)
    let chunk = min(tokens, logitsByteCount / (4 * vocabulary))
    let (hidden, gradient) = (Numbers(tokens * width), Numbers(tokens * width))
    let (logits, losses) = (Numbers(tokens * vocabulary), Numbers(tokens))
    let scratch = Scratch(Kernels.multiplyScratchBytes(head.view, n: chunk))
    let labels = (0..<tokens).map { Int32($0 * 91 % vocabulary) }
    func inChunks() {
      for start in stride(from: 0, to: tokens, by: chunk) {
        let rows = start..<min(start + chunk, tokens)
        let numbers = rows.lowerBound * width..<rows.upperBound * width
        let part = UnsafeMutableBufferPointer(rebasing: logits.buffer[..<(rows.count * vocabulary)])
        Kernels.multiply(
          part, UnsafeBufferPointer(rebasing: hidden.input[numbers]), head.view, n: rows.count, scratch: scratch.bytes)
        labels.withUnsafeBufferPointer {
          Kernels.crossEntropy(
            logits: part, losses: UnsafeMutableBufferPointer(rebasing: losses.buffer[rows]),
            labels: UnsafeBufferPointer(rebasing: $0[rows]), vocabulary: vocabulary, gradientScale: 1 / Float(tokens))
        }
        Kernels.multiplyTransposed(
          UnsafeMutableBufferPointer(rebasing: gradient.buffer[numbers]), UnsafeBufferPointer(part), head.view,
          n: rows.count, scratch: scratch.bytes)
      }
    }
    let best = clock.best(
      turns: 3, repeats: 2,
      [
        inChunks,
        {
          Kernels.yardstickGemm(
            logits.buffer, hidden.input, head.dense.input, transposeB: true, m: tokens, n: vocabulary, k: width)
          Kernels.yardstickGemm(
            gradient.buffer, logits.input, head.dense.input, transposeB: false, m: tokens, n: width, k: vocabulary)
        },
      ])
    let work = 4 * Double(tokens) * Double(vocabulary) * Double(width)
    print(
      padded("\(vocabulary) x \(width)", 18) + padded(name, 7)
        + String(format: " %9.1f %7.1f %6.2f", work / best[0] / 1e9, work / best[1] / 1e9, best[1] / best[0]))
  }
}
