// Products with a frozen 4-bit matrix against dense OpenBLAS sgemm of the same shape, taken in turns in one run, so that whatever
// else the machine does hits both. Prints the best of all turns and the ratio of times: above 1, the 4-bit product is faster.
//
//   swift run -c release KernelBenchmark [--one-core] [ROWSxCOLUMNS ...]
//   --one-core: one thread, timed by the processor's time it took, which other programs disturb little.
//   --blocks: matrices in ggml's block formats instead, of 1 and 512 tokens.
//   QPEFT_KERNELS=avx2 ...     one set of kernels
internal import Foundation
internal import QPEFTKernels

let shapes = CommandLine.arguments.dropFirst().compactMap { argument -> (Int, Int)? in
  let sizes = argument.split(separator: "x").compactMap { Int($0) }
  return sizes.count == 2 ? (sizes[0], sizes[1]) : nil
}
let chosen = shapes.isEmpty ? [(576, 1536), (1536, 576), (2048, 5632), (4096, 4096)] : shapes
let oneCore = CommandLine.arguments.contains("--one-core")
if oneCore { KernelSet.threadCount = 1 }
let cores = ProcessInfo.processInfo.activeProcessorCount
print("\(KernelSet.active) kernels, \(KernelSet.threadCount) threads (\(KernelSet.threadBackend)), \(cores) cores")
print("    rows x columns  tokens  way       GFLOP/s   sgemm   ratio")
if CommandLine.arguments.contains("--blocks") {
  for (rows, columns) in shapes.isEmpty ? [(1536, 512), (4096, 4096)] : shapes {
    for format in BlockFormat.allCases where columns % format.count == 0 {
      let weight = BlockWeight(format, rows: rows, columns: columns)
      for tokens in [1, 512] {
        for transposed in [false, true] {
          compare(weight.view, weight.dense, tokens: tokens, transposed: transposed, "  \(format)")
        }
      }
    }
  }
  exit(0)
}
for (rows, columns) in chosen {
  let weight = FourBitWeight(rows: rows, columns: columns)
  for tokens in [1, 8, 64, 512] {
    for transposed in [false, true] {
      compare(weight.view, weight.dense, tokens: tokens, transposed: transposed)
    }
  }
}
for shape in [
  AttentionShape(heads: 9, keyValueHeads: 3, head: 64, scale: 0.125),
  AttentionShape(heads: 32, keyValueHeads: 4, head: 64, scale: 0.125),
] {
  attention(shape, rows: 512)
}

/// One shape, one direction, in turns.
func compare(_ weight: MatrixView, _ dense: Floats, tokens: Int, transposed: Bool, _ note: String = "") {
  let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
  let x = Floats(tokens * inputs)
  let y = Floats(tokens * outputs)
  let work = 2 * Double(tokens) * Double(weight.rows) * Double(weight.columns)
  var best = (ours: Double.infinity, dense: Double.infinity)
  for _ in 0..<max(7, min(80, Int(2e10 / work))) {
    best.ours = min(
      best.ours,
      seconds {
        if transposed {
          Kernels.multiplyTransposed(y.buffer, x.input, weight, n: tokens)
        } else {
          Kernels.multiply(y.buffer, x.input, weight, n: tokens)
        }
      })
    best.dense = min(
      best.dense,
      seconds {
        Kernels.gemm(
          y.buffer, x.input, dense.input, transposeB: !transposed, m: tokens, n: outputs, k: inputs)
      })
  }
  let name = "\(weight.rows) x \(weight.columns)"
  let way = transposed ? "dy · W" : "x · Wᵀ"
  print(
    String(repeating: " ", count: max(0, 18 - name.count)) + name,
    String(format: "%7d", tokens), " \(way)",
    String(format: "%9.1f %7.1f %7.2f", work / best.ours / 1e9, work / best.dense / 1e9, best.dense / best.ours) + note)
}

func attention(_ shape: AttentionShape, rows: Int) {
  let (q, k, v) = (
    Floats(rows * shape.heads * shape.head), Floats(rows * shape.keyValueHeads * shape.head),
    Floats(rows * shape.keyValueHeads * shape.head)
  )
  let (out, dq, dk, dv) = (Floats(q.count), Floats(q.count), Floats(k.count), Floats(k.count))
  let logsumexp = Floats(rows * shape.heads)
  let segments = [AttentionSegment(rows: 0..<rows)]
  var best = (forward: Double.infinity, backward: Double.infinity)
  for _ in 0..<10 {
    best.forward = min(
      best.forward,
      seconds {
        Kernels.attention(
          out.buffer, logsumexp: logsumexp.buffer, q: q.input, k: k.input, v: v.input, segments: segments, shape: shape)
      })
    best.backward = min(
      best.backward,
      seconds {
        Kernels.attentionBackward(
          dq: dq.buffer, dk: dk.buffer, dv: dv.buffer, dout: q.input, out: out.input, logsumexp: logsumexp.input,
          q: q.input, k: k.input, v: v.input, segments: segments, shape: shape)
      })
  }
  print(
    "attention, \(rows) rows, \(shape.heads)/\(shape.keyValueHeads) heads of \(shape.head):",
    String(format: "forward %.2f ms, backward %.2f ms", best.forward * 1e3, best.backward * 1e3))
}

func seconds(_ body: () -> Void) -> Double {
  let start = now()
  body()
  return now() - start
}

func now() -> Double {
  var time = timespec()
  clock_gettime(oneCore ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
