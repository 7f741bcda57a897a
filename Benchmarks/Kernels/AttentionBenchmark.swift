internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Causal attention: floating-point operations a second, counting what the mask leaves, beside sgemm of 1024 x 1024 x 1024. And one query over
/// the keys and values of a cache, in float32 and float16: the bytes of it that pass in a second.
struct AttentionBenchmark {
  let clock: TurnClock
  let inBFloat16: Bool

  func run() {
    print("attention             rows    forward  backward  GFLOP/s   of sgemm")
    for (heads, keyValueHeads, head) in [(9, 3, 64), (32, 4, 64), (32, 8, 128)] {
      let shape = AttentionShape(
        heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1 / Float(head).squareRoot())
      for rows in [512, 2048] { measure(shape, [AttentionSegment(rows: 0..<rows)], rows: rows) }
      // Eight documents side by side: an eighth of the work of one as long.
      measure(shape, (0..<8).map { AttentionSegment(rows: $0 * 256..<($0 + 1) * 256) }, rows: 2048)
    }
    print("one query over a cache  keys    float32          float16          of float32's time")
    for (heads, keyValueHeads, head) in [(9, 3, 64), (32, 4, 64), (32, 8, 128), (32, 32, 128)] {
      let shape = AttentionShape(
        heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1 / Float(head).squareRoot())
      for keys in [512, 2048, 8192] { measureCache(shape, keys: keys) }
    }
  }

  private func measureCache(_ shape: AttentionShape, keys: Int) {
    let (q, out) = (Numbers(shape.heads * shape.head), Numbers(shape.heads * shape.head))
    let rows = Numbers(keys * shape.keyValueHeads * shape.head)
    let segments = [AttentionSegment(queryStart: 0, queryCount: 1, keyStart: 0, keyCount: keys)]
    let storages: [MatrixStorage] = [.f32, .f16]
    let caches = storages.map { storage in
      (0..<2).map { _ in  // keys, values
        let cache = UnsafeMutableRawBufferPointer.allocate(byteCount: rows.count * storage.byteWidth, alignment: 64)
        Kernels.cacheRows(
          cache, storage: storage, first: 0, rows: rows.input, heads: shape.keyValueHeads, head: shape.head)
        return cache
      }
    }
    defer { for cache in caches.joined() { cache.deallocate() } }
    let scratch = Scratch(Kernels.scratchBytes(shape, cache: .f16))
    let best = clock.best(
      turns: 3, repeats: 20,
      zip(storages, caches).map { storage, cache in
        {
          Kernels.attention(
            out.buffer, q: q.input, cachedKeys: UnsafeRawBufferPointer(cache[0]),
            values: UnsafeRawBufferPointer(cache[1]),
            storage: storage, segments: segments, shape: shape, scratch: scratch.bytes)
        }
      })
    var line = padded("\(shape.heads)/\(shape.keyValueHeads) heads of \(shape.head)", 18) + padded("\(keys)", 10)
    for (storage, seconds) in zip(storages, best) {
      let bytes = Double(2 * rows.count * storage.byteWidth)
      line += String(format: " %7.3f ms %4.1f GB/s", seconds * 1e3, bytes / seconds / 1e9)
    }
    print(line, String(format: " %5.2f", best[1] / best[0]))
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
            shape: shape, inBFloat16: inBFloat16)
        },
        {
          Kernels.attentionBackward(
            dq: dq.buffer, dk: dk.buffer, dv: dv.buffer, dout: q.input, out: out.input, logsumexp: logsumexp.input,
            q: q.input, k: k.input, v: v.input, segments: segments, shape: shape, inBFloat16: inBFloat16)
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
