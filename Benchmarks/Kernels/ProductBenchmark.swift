internal import BenchmarkYardstick
internal import Foundation
internal import QPEFTKernels

/// Products with a 4-bit matrix beside one call of OpenBLAS for the same product with the matrix as floats, and, on one core, beside
/// decoding 256 rows at a time to floats and calling OpenBLAS on them.
struct ProductBenchmark {
  let clock: Stopwatch
  let tokens: [Int]

  func run(_ shapes: [(Int, Int)]) {
    print("    rows x columns  tokens  way       GFLOP/s   sgemm  ratio" + (isOneCore ? "   slabs  ratio" : ""))
    for (rows, columns) in shapes {
      let weight = FourBitWeight(rows: rows, columns: columns)
      for n in tokens {
        for transposed in [false, true] { compare(weight, n, transposed: transposed) }
      }
    }
  }

  private var isOneCore: Bool { clock.countsThreadTime }

  private func compare(_ weight: FourBitWeight, _ n: Int, transposed: Bool) {
    let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
    let x = Floats(n * inputs)
    let y = Floats(n * outputs)
    let work = 2 * Double(n) * Double(weight.rows) * Double(weight.columns)
    var bodies: [() -> Void] = [
      {
        if transposed {
          Kernels.multiplyTransposed(y.buffer, x.input, weight.view, n: n)
        } else {
          Kernels.multiply(y.buffer, x.input, weight.view, n: n)
        }
      },
      {
        qp_yardstick_sgemm(
          KernelSet.threadCount, transposed ? 0 : 1, n, outputs, inputs, x.input.baseAddress, inputs,
          weight.dense.input.baseAddress, weight.columns, 0, y.buffer.baseAddress, outputs)
      },
    ]
    var names = [transposed ? "dy · W" : "x · Wᵀ"]
    if isOneCore && n > 8 { bodies.append { slabs(weight, x, y, n, transposed: transposed) } }
    if !transposed && n == 1 {
      bodies.append { Kernels.multiplyFixedPoint(y.buffer, x.input, weight.view, n: 1) }
      names.append("15 bits")
    }
    let best = clock.best(turns: 3, repeats: max(2, min(60, Int(6e9 / work))), bodies)
    for (name, ours) in zip(names, names.count > 1 ? [best[0], best[2]] : [best[0]]) {
      var line = padded("\(weight.rows) x \(weight.columns)", 18) + padded("\(n)", 8) + "  " + name
      line += String(format: " %10.1f %7.1f %6.2f", work / ours / 1e9, work / best[1] / 1e9, best[1] / ours)
      if isOneCore && n > 8 { line += String(format: " %7.1f %6.2f", work / best[2] / 1e9, best[2] / ours) }
      print(line)
    }
  }

  private func slabs(_ weight: FourBitWeight, _ x: Floats, _ y: Floats, _ n: Int, transposed: Bool) {
    for row in stride(from: 0, to: weight.rows, by: FourBitWeight.slabRows) {
      let rows = min(FourBitWeight.slabRows, weight.rows - row)
      let decoded = UnsafeMutableBufferPointer(rebasing: weight.slab.buffer[..<(rows * weight.columns)])
      Kernels.decode(decoded, weight.view, first: row * weight.columns)
      if transposed {
        qp_yardstick_sgemm(
          1, 0, n, weight.columns, rows, x.input.baseAddress.map { $0 + row }, weight.rows, decoded.baseAddress,
          weight.columns, row > 0 ? 1 : 0, y.buffer.baseAddress, weight.columns)
      } else {
        qp_yardstick_sgemm(
          1, 1, n, rows, weight.columns, x.input.baseAddress, weight.columns, decoded.baseAddress, weight.columns, 0,
          y.buffer.baseAddress.map { $0 + row }, weight.rows)
      }
    }
  }
}
