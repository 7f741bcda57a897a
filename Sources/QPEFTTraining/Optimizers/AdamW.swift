public import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// Adam with decoupled weight decay, in the order of operations of `torch.optim.AdamW`.
///
/// `p ← p · (1 − lr · wd)`, then `p ← p − lr · m̂ / (√v̂ + eps)` with bias-corrected moments.
/// - Memory: two float32 for every trained number.
/// - Source: Loshchilov and Hutter 2019, arXiv:1711.05101; torch's single-tensor implementation.
public struct AdamW: Optimizer {
  /// Decay rate of the first moment.
  public var beta1 = 0.9
  /// Decay rate of the second moment.
  public var beta2 = 0.999
  /// Added to the root of the second moment.
  public var eps = 1e-8
  /// Fraction of a parameter, times the learning rate, that every update takes away.
  public var weightDecay = 0.0

  private var firstMoments = Moments("exp_avg")
  private var secondMoments = Moments("exp_avg_sq")
  private var step = 0

  /// The defaults of torch, but no weight decay.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Makes moments of zero.
  public mutating func prepare(for parameters: [Parameter]) {
    firstMoments = Moments("exp_avg", for: parameters)
    secondMoments = Moments("exp_avg_sq", for: parameters)
    step = 0
  }

  /// One update of all parameters that have a gradient.
  public mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float) {
    precondition(firstMoments.belong(to: parameters), "AdamW was prepared for other parameters")
    step += 1
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      parameter.value.withMutableElements { value in
        firstMoments.tensors[index].withMutableElements { first in
          secondMoments.tensors[index].withMutableElements { second in
            gradient.withElements { gradient in
              Kernels.adamW(
                parameter: value, firstMoment: first, secondMoment: second, gradient: gradient,
                gradientScale: gradientScale, learningRate: Float(learningRate * parameter.learningRateRatio),
                beta1: Float(beta1), beta2: Float(beta2), eps: Float(eps),
                weightDecay: Float(weightDecay * parameter.weightDecayRatio), step: step)
            }
          }
        }
      }
    }
  }

  /// The moments, as `exp_avg.NAME` and `exp_avg_sq.NAME`.
  public var state: OptimizerState {
    OptimizerState(step: step, tensors: firstMoments.named.merging(secondMoments.named) { $1 })
  }

  /// Takes over moments by name; their shapes are those of the parameters.
  public mutating func restore(_ state: OptimizerState) throws {
    try firstMoments.restore(state)
    try secondMoments.restore(state)
    step = state.step
  }

  /// Its settings.
  public var settings: [String: String] {
    [
      "optimizer": "adamw", "beta1": "\(beta1)", "beta2": "\(beta2)", "epsilon": "\(eps)",
      "weight_decay": "\(weightDecay)",
    ]
  }
}
