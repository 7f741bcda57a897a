public import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// Lion: every number moves by the learning rate in the direction of a sign.
///
/// `p ← p · (1 − lr · wd)`, `p ← p − lr · sign(β₁ · m + (1 − β₁) · g)`, `m ← β₂ · m + (1 − β₂) · g`. Learning rates are three to
/// ten times smaller than AdamW's.
/// - Memory: one float32 for every trained number.
/// - Source: Chen et al. 2023, arXiv:2302.06675; `Lion` of bitsandbytes with 32-bit state.
public struct Lion: Optimizer {
  /// Weight of the moment in the direction.
  public var beta1 = 0.9
  /// Decay rate of the moment.
  public var beta2 = 0.99
  /// Fraction of a parameter, times the learning rate, that every update takes away.
  public var weightDecay = 0.0

  private var moments = Moments("exp_avg")
  private var step = 0

  /// The defaults of the paper, but no weight decay.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Makes moments of zero.
  public mutating func prepare(for parameters: [Parameter]) {
    moments = Moments("exp_avg", for: parameters)
    step = 0
  }

  /// One update of all parameters that have a gradient.
  public mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float) {
    step += 1
    let (beta1, beta2) = (Float(beta1), Float(beta2))
    moments.update(parameters, learningRate: learningRate, weightDecay: weightDecay) {
      value, moment, gradient, rate, decay in
      Kernels.lion(
        parameter: value, moment: moment, gradient: gradient, gradientScale: gradientScale, learningRate: rate,
        beta1: beta1, beta2: beta2, weightDecay: decay)
    }
  }

  /// The moments, as `exp_avg.NAME`.
  public var state: OptimizerState { OptimizerState(step: step, tensors: moments.named) }

  /// Takes over moments by name.
  public mutating func restore(_ state: OptimizerState) throws {
    try moments.restore(state)
    step = state.step
  }

  /// Its settings.
  public var settings: [String: String] {
    ["optimizer": "lion", "beta1": "\(beta1)", "beta2": "\(beta2)", "weight_decay": "\(weightDecay)"]
  }
}
