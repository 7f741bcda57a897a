internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Products with a 4-bit matrix beside one call of OpenBLAS for the same product with the matrix as floats, and, with many tokens, beside
/// decoding 256 rows at a time to floats and calling OpenBLAS on them. The share of the peak that OpenBLAS reaches says which ratio no kernel
/// could exceed; with one token, so do the bytes of codes and scales that pass in a second, beside those that memory gives.
struct ProductBenchmark {
  let clock: TurnClock
  let tokens: [Int]
  /// Whether our operands are rounded to bfloat16.
  let inBFloat16: Bool
  private static let slabRows = 256

  func run(_ shapes: [(Int, Int)]) {
    let (peak, memory) = (TilePeak.gflops(), MemoryBandwidth.measure())
    print(String(format: "peak %.0f GFLOP/s, memory %.1f GB/s read", peak, memory.read))
    print("    rows x columns  tokens  way       GFLOP/s of peak   sgemm of peak  ratio   slabs  ratio (1 token: GB/s)")
    for (rows, columns) in shapes {
      let weights = MeasuredWeights(.nf4Forward, rows: rows, columns: columns)
      for n in tokens {
        for transposed in [false, true] { compare(weights, n, transposed: transposed, peak: peak) }
      }
    }
  }

  private func compare(_ weights: MeasuredWeights, _ n: Int, transposed: Bool, peak: Double) {
    let (weight, dense) = (weights.view, weights.dense)
    let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
    let x = Numbers(n * inputs)
    let y = Numbers(n * outputs)
    let scratch = Scratch(Kernels.multiplyScratchBytes(weight, n: n))  // as training lends it
    let work = 2 * Double(n) * Double(weight.rows) * Double(weight.columns)
    var bodies: [() -> Void] = [
      {
        if transposed {
          Kernels.multiplyTransposed(
            y.buffer, x.input, weight, n: n, inBFloat16: inBFloat16, scratch: scratch.bytes)
        } else {
          Kernels.multiply(y.buffer, x.input, weight, n: n, inBFloat16: inBFloat16, scratch: scratch.bytes)
        }
      },
      {
        Kernels.yardstickGemm(
          y.buffer, x.input, dense.input, transposeB: !transposed, m: n, n: outputs, k: inputs)
      },
    ]
    var names = [transposed ? "dy · W" : "x · Wᵀ"]
    if n > 8 {
      let slab = Numbers(min(weight.rows, Self.slabRows) * weight.columns)
      bodies.append { slabs(weight, slab, x, y, n, transposed: transposed) }
    }
    if !transposed && n == 1 {
      bodies.append { Kernels.multiplyFixedPoint(y.buffer, x.input, weight, n: 1, scratch: scratch.bytes) }
      names.append("15 bits")
    }
    let best = clock.best(turns: 3, repeats: max(2, min(60, Int(6e9 / work))), bodies)
    for (name, ours) in zip(names, names.count > 1 ? [best[0], best[2]] : [best[0]]) {
      var line = padded("\(weight.rows) x \(weight.columns)", 18) + padded("\(n)", 8) + "  " + name
      let (rate, sgemm) = (work / ours / 1e9, work / best[1] / 1e9)
      line += String(format: " %10.1f %7.2f %7.1f %7.2f %6.2f", rate, rate / peak, sgemm, sgemm / peak, best[1] / ours)
      if n > 8 { line += String(format: " %7.1f %6.2f", work / best[2] / 1e9, best[2] / ours) }
      if n == 1 {
        line += String(format: " %7.1f", Double(weight.rows * weight.columns) * (0.5 + 1.0 / 64) / ours / 1e9)
      }
      print(line)
    }
  }

  private func slabs(_ weight: MatrixView, _ slab: Numbers, _ x: Numbers, _ y: Numbers, _ n: Int, transposed: Bool) {
    for row in stride(from: 0, to: weight.rows, by: Self.slabRows) {
      let rows = min(Self.slabRows, weight.rows - row)
      let decoded = UnsafeMutableBufferPointer(rebasing: slab.buffer[..<(rows * weight.columns)])
      Kernels.decode(decoded, weight, first: row * weight.columns)
      if transposed {
        Kernels.yardstickGemm(
          y.buffer, accumulates: row > 0, UnsafeBufferPointer(rebasing: x.input[row...]), lda: weight.rows,
          UnsafeBufferPointer(decoded), m: n, n: weight.columns, k: rows)
      } else {
        Kernels.yardstickGemm(
          UnsafeMutableBufferPointer(rebasing: y.buffer[row...]), ldc: weight.rows, x.input,
          UnsafeBufferPointer(decoded), transposeB: true, m: n, n: rows, k: weight.columns)
      }
    }
  }
}
