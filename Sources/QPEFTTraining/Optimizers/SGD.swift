public import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// Gradient descent with momentum.
///
/// `g ← g + wd · p`, `m ← momentum · m + g`, `p ← p − lr · m`; with Nesterov's momentum `p ← p − lr · (g + momentum · m)`.
/// - Memory: one float32 for every trained number.
/// - Source: `torch.optim.SGD`, without dampening. Its weight decay is part of the gradient, unlike AdamW's.
public struct SGD: Optimizer {
  /// Decay rate of the moment.
  public var momentum = 0.9
  /// Whether to look ahead by one step of momentum.
  public var usesNesterov = false
  /// Added to the gradient, times the parameter.
  public var weightDecay = 0.0

  private var moments = Moments("momentum_buffer")
  private var step = 0

  /// Momentum 0.9, no weight decay.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Makes moments of zero.
  public mutating func prepare(for parameters: [Parameter]) {
    moments = Moments("momentum_buffer", for: parameters)
    step = 0
  }

  /// One update of all parameters that have a gradient.
  public mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float) {
    step += 1
    let (momentum, usesNesterov) = (Float(momentum), usesNesterov)
    moments.update(parameters, learningRate: learningRate, weightDecay: weightDecay) {
      value, moment, gradient, rate, decay in
      Kernels.sgd(
        parameter: value, moment: moment, gradient: gradient, gradientScale: gradientScale, learningRate: rate,
        momentum: momentum, weightDecay: decay, nesterov: usesNesterov)
    }
  }

  /// The moments, as `momentum_buffer.NAME`.
  public var state: OptimizerState { OptimizerState(step: step, tensors: moments.named) }

  /// Takes over moments by name.
  public mutating func restore(_ state: OptimizerState) throws {
    try moments.restore(state)
    step = state.step
  }

  /// Its settings.
  public var settings: [String: String] {
    [
      "optimizer": "sgd", "momentum": "\(momentum)", "nesterov": "\(usesNesterov)", "weight_decay": "\(weightDecay)",
    ]
  }
}
