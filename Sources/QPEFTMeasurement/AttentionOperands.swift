internal import QPEFTKernels

/// What attention of one document reads and writes.
final class AttentionOperands {
  private let shape: AttentionShape
  private let inBFloat16: Bool
  private let segments: [AttentionSegment]
  private let q, k, v, out, dq, dk, dv, logsumexp: Numbers
  private let scratch: Scratch

  init(_ shape: AttentionShape, tokens: Int, inBFloat16: Bool = false) {
    self.shape = shape
    self.inBFloat16 = inBFloat16
    segments = [AttentionSegment(rows: 0..<tokens)]
    q = Numbers(tokens * shape.heads * shape.head)
    k = Numbers(tokens * shape.keyValueHeads * shape.head)
    v = Numbers(k.count, seed: 2)
    (out, dq, dk, dv) = (Numbers(q.count), Numbers(q.count), Numbers(k.count), Numbers(k.count))
    logsumexp = Numbers(tokens * shape.heads)
    scratch = Scratch(max(Kernels.scratchBytes(shape), Kernels.backwardScratchBytes(shape, rows: tokens)))
  }

  func forward() {
    Kernels.attention(
      out.buffer, logsumexp: logsumexp.buffer, q: q.input, k: k.input, v: v.input, segments: segments, shape: shape,
      inBFloat16: inBFloat16, scratch: scratch.bytes)
  }

  func backward() {
    Kernels.attentionBackward(
      dq: dq.buffer, dk: dk.buffer, dv: dv.buffer, dout: q.input, out: out.input, logsumexp: logsumexp.input,
      q: q.input, k: k.input, v: v.input, segments: segments, shape: shape, inBFloat16: inBFloat16,
      scratch: scratch.bytes)
  }
}
