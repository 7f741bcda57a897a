internal import QPEFTAutodiff
internal import QPEFTTensor

/// The norm of all gradients together and what they are multiplied by.
///
/// - Source: `torch.nn.utils.clip_grad_norm_`: coefficient `limit / (norm + 1e-6)`, at most 1.
struct GradientClipping {
  /// Euclidean norm before clipping; not finite where a gradient is not.
  let norm: Double
  /// What the optimizer multiplies gradients by.
  let scale: Float

  /// Measures the gradients; `limit` 0 means none.
  init(_ parameters: [Parameter], limit: Double) {
    norm = parameters.reduce(into: 0.0) { $0 += $1.gradient?.sumOfSquares() ?? 0 }.squareRoot()
    scale = limit > 0 ? Float(min(1, limit / (norm + 1e-6))) : 1
  }
}
