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

  private var names: [String] = []
  private var firstMoments: [Tensor] = []
  private var secondMoments: [Tensor] = []
  private var step = 0

  /// The defaults of torch, but no weight decay.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Makes moments of zero.
  public mutating func prepare(for parameters: [Parameter]) {
    names = parameters.map(\.name)
    firstMoments = parameters.map { .zeros($0.value.shape, in: .optimizer) }
    secondMoments = parameters.map { .zeros($0.value.shape, in: .optimizer) }
    step = 0
  }

  /// One update of all parameters that have a gradient.
  public mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float) {
    precondition(parameters.map(\.name) == names, "AdamW was prepared for other parameters")
    step += 1
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      parameter.value.withMutableElements { value in
        firstMoments[index].withMutableElements { first in
          secondMoments[index].withMutableElements { second in
            gradient.withElements { gradient in
              Kernels.adamW(
                parameter: value, firstMoment: first, secondMoment: second, gradient: gradient,
                gradientScale: gradientScale, learningRate: Float(learningRate), beta1: Float(beta1),
                beta2: Float(beta2), eps: Float(eps), weightDecay: Float(weightDecay), step: step)
            }
          }
        }
      }
    }
  }

  /// The moments, as `exp_avg.NAME` and `exp_avg_sq.NAME`.
  public var state: OptimizerState {
    var tensors: [String: Tensor] = [:]
    for (index, name) in names.enumerated() {
      tensors["exp_avg.\(name)"] = firstMoments[index]
      tensors["exp_avg_sq.\(name)"] = secondMoments[index]
    }
    return OptimizerState(step: step, tensors: tensors)
  }

  /// Takes over moments by name; their shapes are those of the parameters.
  public mutating func restore(_ state: OptimizerState) throws {
    func tensor(_ name: String, like moment: Tensor) throws -> Tensor {
      guard let tensor = state.tensors[name] else { throw TrainingError.optimizerState("it lacks \(name)") }
      guard tensor.shape == moment.shape else {
        throw TrainingError.optimizerState("\(name) has shape \(tensor.shape), expected \(moment.shape)")
      }
      // A copy in the room of moments, so that the ledger counts it there.
      return tensor.withElements { Tensor(moment.shape, $0, in: .optimizer) }
    }
    for (index, name) in names.enumerated() {
      firstMoments[index] = try tensor("exp_avg.\(name)", like: firstMoments[index])
      secondMoments[index] = try tensor("exp_avg_sq.\(name)", like: secondMoments[index])
    }
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
