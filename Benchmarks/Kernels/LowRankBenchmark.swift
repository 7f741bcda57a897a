internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// What a LoRA adapter of rank 16 adds to a frozen layer in a step of training, there and back: six products, two of them terms of the frozen
/// ones. Beside sgemm of 1024 x 1024 x 1024, and beside the frozen products alone.
struct LowRankBenchmark {
  let clock: TurnClock
  private let tokens = 512
  private let rank = 16

  func run(_ shapes: [(Int, Int)]) {
    print("low rank           GFLOP/s  of sgemm  FLOPs of the frozen  time of the frozen")
    for (rows, columns) in shapes { measure(rows, columns) }
  }

  private func measure(_ rows: Int, _ columns: Int) {
    let frozen = MeasuredWeights(.nf4Forward, rows: rows, columns: columns)
    let scratch = Scratch(Kernels.multiplyScratchBytes(frozen.view, n: tokens))
    let (x, dx) = (Numbers(tokens * columns), Numbers(tokens * columns))
    let (y, dy) = (Numbers(tokens * rows), Numbers(tokens * rows))
    let (a, b, da, db) = (Numbers(rank * columns), Numbers(rows * rank), Numbers(rank * columns), Numbers(rows * rank))
    let (hidden, dhidden) = (Numbers(tokens * rank), Numbers(tokens * rank))
    let side = 1024
    let (p, q, r) = (Numbers(side * side), Numbers(side * side), Numbers(side * side))
    let best = clock.best(
      turns: 7, repeats: 5,
      [
        {
          Kernels.gemm(hidden.buffer, x.input, a.input, transposeB: true, m: tokens, n: rank, k: columns)
          Kernels.multiply(
            y.buffer, x.input, frozen.view, n: tokens, plus: (hidden.input, b.input, rank), scratch: scratch.bytes)
          Kernels.gemm(db.buffer, dy.input, transposeA: true, hidden.input, m: rows, n: rank, k: tokens)
          Kernels.gemm(dhidden.buffer, dy.input, b.input, m: tokens, n: rank, k: rows)
          Kernels.gemm(da.buffer, dhidden.input, transposeA: true, x.input, m: rank, n: columns, k: tokens)
          Kernels.multiplyTransposed(
            dx.buffer, dy.input, frozen.view, n: tokens, plus: (dhidden.input, a.input, rank), scratch: scratch.bytes)
        },
        { Kernels.yardstickGemm(r.buffer, p.input, q.input, transposeB: true, m: side, n: side, k: side) },
        {
          Kernels.multiply(y.buffer, x.input, frozen.view, n: tokens, scratch: scratch.bytes)
          Kernels.multiplyTransposed(dx.buffer, dy.input, frozen.view, n: tokens, scratch: scratch.bytes)
        },
      ])
    let work = 6 * Double(tokens * rank) * Double(rows + columns)
    let frozenWork = 4 * Double(tokens) * Double(rows) * Double(columns)
    let (sgemm, added) = (2 * pow(Double(side), 3) / best[1], best[0] - best[2])
    print(
      padded("\(rows) x \(columns)", 18)
        + String(
          format: " %7.1f %9.2f %18.1f %% %17.1f %%", work / added / 1e9, work / added / sgemm,
          100 * work / frozenWork, 100 * added / best[2]))
  }
}
