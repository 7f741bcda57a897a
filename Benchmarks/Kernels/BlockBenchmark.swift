internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Products with matrices in ggml's block formats beside one call of OpenBLAS for the same as floats; with one token also the bytes of blocks
/// that pass in a second.
struct BlockBenchmark {
  let clock: TurnClock
  let tokens: [Int]

  private enum Way: String {
    case forward = "x · Wᵀ"
    case fixedPoint = "15 bits"
    case backward = "dy · W"
  }

  func run(_ shapes: [(Int, Int)]) {
    print("    rows x columns  tokens  way       GFLOP/s   sgemm  ratio    GB/s  format")
    for (rows, columns) in shapes {
      for format in BlockFormat.allCases where columns % format.count == 0 {
        let weight = BlockWeight(format, rows: rows, columns: columns)
        for n in tokens {
          compare(weight, n, n == 1 ? [.forward, .fixedPoint] : [.forward], "\(format)")
          compare(weight, n, [.backward], "\(format)")
        }
      }
    }
  }

  private func compare(_ weight: BlockWeight, _ n: Int, _ ways: [Way], _ format: String) {
    let transposed = ways == [.backward]
    let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
    let x = Numbers(n * inputs)
    let y = Numbers(n * outputs)
    let scratch = Scratch(Kernels.multiplyScratchBytes(weight.view, n: n))
    let work = 2 * Double(n) * Double(weight.rows) * Double(weight.columns)
    let ours: [() -> Void] = ways.map { way in
      switch way {
      case .forward: { Kernels.multiply(y.buffer, x.input, weight.view, n: n, scratch: scratch.bytes) }
      case .fixedPoint: { Kernels.multiplyFixedPoint(y.buffer, x.input, weight.view, n: n, scratch: scratch.bytes) }
      case .backward: { Kernels.multiplyTransposed(y.buffer, x.input, weight.view, n: n, scratch: scratch.bytes) }
      }
    }
    let sgemm = {
      Kernels.yardstickGemm(
        y.buffer, x.input, weight.dense.input, transposeB: !transposed, m: n, n: outputs, k: inputs)
    }
    let best = clock.best(turns: 3, repeats: max(2, min(60, Int(6e9 / work))), ours + [sgemm])
    for (way, seconds) in zip(ways, best) {
      let (rate, theirs) = (work / seconds / 1e9, work / best[ours.count] / 1e9)
      var line = padded("\(weight.rows) x \(weight.columns)", 18) + padded("\(n)", 8) + "  " + way.rawValue
      line += String(format: " %10.1f %7.1f %6.2f", rate, theirs, rate / theirs)
      line += n == 1 ? String(format: " %7.1f", Double(weight.byteCount) / seconds / 1e9) : padded("", 8)
      print(line + "  " + format)
    }
  }
}
