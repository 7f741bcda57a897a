internal import CQPKernels

/// A run of rows that attend to each other, causally: one document of a batch, or new tokens against a key/value cache.
///
/// Query `j` of the segment sees its keys `0 ... keyCount - queryCount + j`.
public struct AttentionSegment: Hashable, Sendable {
  /// First query row, number of query rows, first key row, number of key rows.
  public var queryStart, queryCount, keyStart, keyCount: Int

  /// A segment of queries against keys; `keyCount >= queryCount`.
  public init(queryStart: Int, queryCount: Int, keyStart: Int, keyCount: Int) {
    precondition(keyCount >= queryCount && queryCount >= 0 && queryStart >= 0 && keyStart >= 0, "not a causal segment")
    self.queryStart = queryStart
    self.queryCount = queryCount
    self.keyStart = keyStart
    self.keyCount = keyCount
  }

  /// A document at `rows` whose keys are its own rows.
  public init(rows: Range<Int>) {
    self.init(queryStart: rows.lowerBound, queryCount: rows.count, keyStart: rows.lowerBound, keyCount: rows.count)
  }
}

/// Sizes of grouped-query attention; `heads` is a multiple of `keyValueHeads`.
package struct AttentionShape: Hashable, Sendable {
  package var heads, keyValueHeads, head: Int
  /// Multiplies q · k; `1 / sqrt(head)` unless the architecture says otherwise.
  package var scale: Float

  package init(heads: Int, keyValueHeads: Int, head: Int, scale: Float) {
    precondition(keyValueHeads > 0 && heads % keyValueHeads == 0 && head > 0, "\(heads) heads over \(keyValueHeads)")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.head = head
    self.scale = scale
  }
}

extension Kernels {
  /// Causal attention: `out`, `q` `[rows, heads, head]`; `k`, `v` `[key rows, keyValueHeads, head]`; `logsumexp` `[heads, rows]`.
  /// `inBFloat16`: operands of its products are rounded to bfloat16.
  package static func attention(
    _ out: Output, logsumexp: Output?, q: Input, k: Input, v: Input, segments: [AttentionSegment],
    shape: AttentionShape, inBFloat16: Bool = false, scratch: Scratch = nil
  ) {
    let rows = checkAttention(q: q, keyCount: k.count, valueCount: v.count, segments: segments, shape: shape)
    check("attention out", out.count, q.count)
    if let logsumexp { check("attention logsumexp", logsumexp.count, rows * shape.heads) }
    withScratch(scratch, scratchBytes(shape)) { scratch in
      cSegments(segments).withUnsafeBufferPointer {
        qp_attention(
          out.baseAddress, logsumexp?.baseAddress, q.baseAddress, k.baseAddress, v.baseAddress, QP_F32, 0,
          $0.baseAddress, $0.count, rows, shape.heads, shape.keyValueHeads, shape.head, shape.scale,
          inBFloat16 ? 1 : 0, scratch)
      }
    }
  }

  /// The same in float32 with the keys and values of a cache, `[keyValueHeads, capacity, head]` numbers of float32 or float16.
  package static func attention(
    _ out: Output, q: Input, cachedKeys k: UnsafeRawBufferPointer, values v: UnsafeRawBufferPointer,
    storage: MatrixStorage, segments: [AttentionSegment], shape: AttentionShape, scratch: Scratch = nil
  ) {
    precondition(storage != .bf16, "a cache is float32 or float16")
    let (keyCount, valueCount) = (k.count / storage.byteWidth, v.count / storage.byteWidth)
    let rows = checkAttention(q: q, keyCount: keyCount, valueCount: valueCount, segments: segments, shape: shape)
    check("attention out", out.count, q.count)
    withScratch(scratch, scratchBytes(shape, cache: storage)) { scratch in
      cSegments(segments).withUnsafeBufferPointer {
        qp_attention(
          out.baseAddress, nil, q.baseAddress, k.baseAddress, v.baseAddress, storage.code,
          keyCount / (shape.keyValueHeads * shape.head), $0.baseAddress, $0.count, rows, shape.heads,
          shape.keyValueHeads, shape.head, shape.scale, 0, scratch)
      }
    }
  }

  /// Writes `rows` `[n, heads, head]` into a cache `[heads, capacity, head]` of float32 or float16, from its row `first` on. To float16 the
  /// nearest number is taken, beyond its range the largest.
  package static func cacheRows(
    _ cache: UnsafeMutableRawBufferPointer, storage: MatrixStorage, first: Int, rows: Input, heads: Int, head: Int
  ) {
    precondition(storage != .bf16, "a cache is float32 or float16")
    let (capacity, count) = (cache.count / (storage.byteWidth * heads * head), rows.count / (heads * head))
    check("cacheRows rows", rows.count, count * heads * head)
    precondition(first >= 0 && first + count <= capacity, "\(count) rows at \(first) of a cache of \(capacity)")
    qp_cache_rows(cache.baseAddress, storage.code, capacity, first, rows.baseAddress, count, heads, head)
  }

  /// Backward of `attention`: `dq`, `dk`, `dv` of all rows of the segments are overwritten.
  package static func attentionBackward(
    dq: Output, dk: Output, dv: Output, dout: Input, out: Input, logsumexp: Input, q: Input, k: Input, v: Input,
    segments: [AttentionSegment], shape: AttentionShape, inBFloat16: Bool = false, scratch: Scratch = nil
  ) {
    let rows = checkAttention(q: q, keyCount: k.count, valueCount: v.count, segments: segments, shape: shape)
    check("attentionBackward dq", dq.count, q.count)
    check("attentionBackward dk", dk.count, k.count)
    check("attentionBackward dv", dv.count, v.count)
    check("attentionBackward out", out.count, q.count)
    check("attentionBackward dout", dout.count, q.count)
    check("attentionBackward logsumexp", logsumexp.count, rows * shape.heads)
    withScratch(scratch, backwardScratchBytes(shape, rows: rows)) { scratch in
      cSegments(segments).withUnsafeBufferPointer {
        qp_attention_backward(
          dq.baseAddress, dk.baseAddress, dv.baseAddress, dout.baseAddress, out.baseAddress, logsumexp.baseAddress,
          q.baseAddress, k.baseAddress, v.baseAddress, $0.baseAddress, $0.count, rows, shape.heads, shape.keyValueHeads,
          shape.head, shape.scale, inBFloat16 ? 1 : 0, scratch)
      }
    }
  }

  /// Bytes of scratch that `attention` takes, with keys and values of `cache`.
  package static func scratchBytes(_ shape: AttentionShape, cache: MatrixStorage = .f32) -> Int {
    qp_attention_scratch_bytes(cache.code, shape.heads, shape.keyValueHeads, shape.head)
  }

  /// Bytes of scratch that `attentionBackward` takes for `rows` query rows.
  package static func backwardScratchBytes(_ shape: AttentionShape, rows: Int) -> Int {
    qp_attention_backward_scratch_bytes(rows, shape.heads, shape.keyValueHeads, shape.head)
  }

  private static func checkAttention(
    q: Input, keyCount: Int, valueCount: Int, segments: [AttentionSegment], shape: AttentionShape
  ) -> Int {
    let rows = q.count / (shape.heads * shape.head)
    let keyRows = keyCount / (shape.keyValueHeads * shape.head)
    check("attention q", q.count, rows * shape.heads * shape.head)
    check("attention k", keyCount, keyRows * shape.keyValueHeads * shape.head)
    check("attention v", valueCount, keyCount)
    for segment in segments {
      precondition(
        segment.queryStart + segment.queryCount <= rows && segment.keyStart + segment.keyCount <= keyRows,
        "attention: \(segment) is outside \(rows) rows and \(keyRows) keys")
    }
    return rows
  }

  private static func cSegments(_ segments: [AttentionSegment]) -> [qp_segment] {
    segments.map {
      qp_segment(query_start: $0.queryStart, query_count: $0.queryCount, key_start: $0.keyStart, key_count: $0.keyCount)
    }
  }
}
