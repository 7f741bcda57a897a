internal import CQPKernels

extension Kernels {
  /// RMS norm of rows: `y = x / sqrt(mean(x²) + eps) · weight`; `inverseRMS[n]` is kept for backward.
  package static func rmsNorm(_ y: Output, inverseRMS: Output, _ x: Input, weight: Input, eps: Float) {
    let n = inverseRMS.count
    let d = weight.count
    check("rmsNorm x", x.count, n * d)
    check("rmsNorm y", y.count, n * d)
    guard n > 0 else { return }
    qp_rms_norm(y.baseAddress, inverseRMS.baseAddress, x.baseAddress, weight.baseAddress, eps, n, d)
  }

  /// Backward of `rmsNorm`: `dx` is overwritten or added to; `dweight`, if wanted, is added to.
  package static func rmsNormBackward(
    _ dx: Output, dweight: Output?, _ dy: Input, _ x: Input, inverseRMS: Input, weight: Input, accumulate: Bool
  ) {
    let n = inverseRMS.count
    let d = weight.count
    check("rmsNormBackward x", x.count, n * d)
    check("rmsNormBackward dx", dx.count, n * d)
    check("rmsNormBackward dy", dy.count, n * d)
    if let dweight { check("rmsNormBackward dweight", dweight.count, d) }
    guard n > 0 else { return }
    qp_rms_norm_backward(
      dx.baseAddress, dweight?.baseAddress, dy.baseAddress, x.baseAddress, inverseRMS.baseAddress, weight.baseAddress,
      n, d,
      accumulate ? 1 : 0)
  }

  /// Rotary embedding of `x[n, heads, head]`; tables are `[positions, head / 2]`.
  package static func rotate(
    _ y: Output, _ x: Input, cosine: Input, sine: Input, positions: UnsafeBufferPointer<Int32>, heads: Int, head: Int,
    inverse: Bool
  ) {
    let n = positions.count
    check("rotate x", x.count, n * heads * head)
    check("rotate y", y.count, n * heads * head)
    check("rotate sine", sine.count, cosine.count)
    let limit = head > 0 ? cosine.count / (head / 2) : 0
    precondition(positions.allSatisfy { $0 >= 0 && Int($0) < limit }, "rotate: a position is outside 0..<\(limit)")
    guard n > 0 else { return }
    qp_rotate(
      y.baseAddress, x.baseAddress, cosine.baseAddress, sine.baseAddress, positions.baseAddress, n, heads, head,
      inverse ? 1 : 0)
  }

  /// `y = silu(gate) · up`.
  package static func swiGLU(_ y: Output, gate: Input, up: Input) {
    check("swiGLU gate", gate.count, y.count)
    check("swiGLU up", up.count, y.count)
    qp_swiglu(y.baseAddress, gate.baseAddress, up.baseAddress, y.count)
  }

  /// Backward of `swiGLU`.
  package static func swiGLUBackward(_ dgate: Output, _ dup: Output, _ dy: Input, gate: Input, up: Input) {
    check("swiGLUBackward gate", gate.count, dy.count)
    check("swiGLUBackward up", up.count, dy.count)
    check("swiGLUBackward dgate", dgate.count, dy.count)
    check("swiGLUBackward dup", dup.count, dy.count)
    qp_swiglu_backward(dgate.baseAddress, dup.baseAddress, dy.baseAddress, gate.baseAddress, up.baseAddress, dy.count)
  }

  /// Losses of rows of logits `[n, vocabulary]`; with `gradientScale`, the logits become `scale · (softmax − one_hot)`.
  package static func crossEntropy(
    logits: Output, losses: Output, argmax: UnsafeMutableBufferPointer<Int32>? = nil,
    labels: UnsafeBufferPointer<Int32>,
    vocabulary: Int, gradientScale: Float?
  ) {
    let n = labels.count
    check("crossEntropy logits", logits.count, n * vocabulary)
    check("crossEntropy losses", losses.count, n)
    if let argmax { check("crossEntropy argmax", argmax.count, n) }
    precondition(
      labels.allSatisfy { $0 >= 0 && Int($0) < vocabulary }, "crossEntropy: a label is outside the vocabulary")
    guard n > 0 else { return }
    qp_cross_entropy(
      logits.baseAddress, losses.baseAddress, argmax?.baseAddress, labels.baseAddress, gradientScale ?? 0, n,
      vocabulary,
      gradientScale == nil ? 0 : 1)
  }
}
