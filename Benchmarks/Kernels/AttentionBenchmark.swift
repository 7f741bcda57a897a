internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Causal attention: floating-point operations a second, counting what the mask leaves, beside sgemm of 1024 x 1024 x 1024.
struct AttentionBenchmark {
  let clock: TurnClock

  func run() {
    print("attention             rows    forward  backward  GFLOP/s   of sgemm")
    for (heads, keyValueHeads, head) in [(9, 3, 64), (32, 4, 64), (32, 8, 128)] {
      let shape = AttentionShape(
        heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1 / Float(head).squareRoot())
      for rows in [512, 2048] { measure(shape, [AttentionSegment(rows: 0..<rows)], rows: rows) }
      // Eight documents side by side: an eighth of the work of one as long.
      measure(shape, (0..<8).map { AttentionSegment(rows: $0 * 256..<($0 + 1) * 256) }, rows: 2048)
    }
  }

  private func measure(_ shape: AttentionShape, _ segments: [AttentionSegment], rows: Int) {
    let (width, keyWidth) = (rows * shape.heads * shape.head, rows * shape.keyValueHeads * shape.head)
    let (q, k, v) = (Numbers(width), Numbers(keyWidth), Numbers(keyWidth))
    let (out, dq, dk, dv) = (Numbers(width), Numbers(width), Numbers(keyWidth), Numbers(keyWidth))
    let logsumexp = Numbers(rows * shape.heads)
    let side = 1024
    let (a, b, c) = (Numbers(side * side), Numbers(side * side), Numbers(side * side))
    let best = clock.best(
      turns: 3, repeats: 2,
      [
        {
          Kernels.attention(
            out.buffer, logsumexp: logsumexp.buffer, q: q.input, k: k.input, v: v.input, segments: segments,
            shape: shape)
        },
        {
          Kernels.attentionBackward(
            dq: dq.buffer, dk: dk.buffer, dv: dv.buffer, dout: q.input, out: out.input, logsumexp: logsumexp.input,
            q: q.input, k: k.input, v: v.input, segments: segments, shape: shape)
        },
        {
          Kernels.yardstickGemm(c.buffer, a.input, b.input, transposeB: true, m: side, n: side, k: side)
        },
      ])
    let pairs = segments.reduce(0) { $0 + $1.keyCount * ($1.keyCount + 1) / 2 }
    let work = 4 * Double(pairs * shape.heads * shape.head)  // two products forward, five backward
    let sgemm = 2 * pow(Double(side), 3) / best[2]
    let (forward, backward) = (work / best[0], 2.5 * work / best[1])
    print(
      padded("\(shape.heads)/\(shape.keyValueHeads) heads of \(shape.head)", 18)
        + padded(segments.count > 1 ? "\(segments.count)x\(rows / segments.count)" : "\(rows)", 8),
      String(format: "%8.2f %8.2f ms", best[0] * 1e3, best[1] * 1e3),
      String(format: "%6.1f %6.1f  %5.2f %5.2f", forward / 1e9, backward / 1e9, forward / sgemm, backward / sgemm))
  }
}
