internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Products with matrices in ggml's block formats, of 1 and 512 tokens, beside one call of OpenBLAS for the same as floats.
struct BlockBenchmark {
  let clock: TurnClock

  func run(_ shapes: [(Int, Int)]) {
    print("    rows x columns  tokens  way       GFLOP/s   sgemm  ratio  format")
    for (rows, columns) in shapes {
      for format in BlockFormat.allCases where columns % format.count == 0 {
        let weight = BlockWeight(format, rows: rows, columns: columns)
        for n in [1, 512] { for transposed in [false, true] { compare(weight, n, transposed, "\(format)") } }
      }
    }
  }

  private func compare(_ weight: BlockWeight, _ n: Int, _ transposed: Bool, _ format: String) {
    let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
    let x = Numbers(n * inputs)
    let y = Numbers(n * outputs)
    let work = 2 * Double(n) * Double(weight.rows) * Double(weight.columns)
    let best = clock.best(
      turns: 3, repeats: max(2, min(60, Int(6e9 / work))),
      [
        {
          if transposed {
            Kernels.multiplyTransposed(y.buffer, x.input, weight.view, n: n)
          } else {
            Kernels.multiply(y.buffer, x.input, weight.view, n: n)
          }
        },
        {
          Kernels.yardstickGemm(
            y.buffer, x.input, weight.dense.input, transposeB: !transposed, m: n, n: outputs, k: inputs)
        },
      ])
    let line =
      padded("\(weight.rows) x \(weight.columns)", 18) + padded("\(n)", 8) + (transposed ? "  dy · W" : "  x · Wᵀ")
    print(
      line,
      String(format: "%9.1f %7.1f %6.2f  ", work / best[0] / 1e9, work / best[1] / 1e9, best[1] / best[0]) + format)
  }
}
