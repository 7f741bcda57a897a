internal import Foundation
public import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// Adafactor: of a matrix' second moments, means of rows and of columns are kept alone.
///
/// `u = g / √(row / mean(row) · column)`, `p ← p · (1 − lr · wd)`, `p ← p − lr · u / max(1, rms(u) / clip)`; the moments decay by
/// `1 − step^decayRate`. Vectors keep all their second moments.
/// - Memory: `rows + columns` float32 for a matrix.
/// - Source: Shazeer and Stern 2018, arXiv:1804.04235; `Adafactor` of transformers with `scale_parameter=False`,
///   `relative_step=False` and no first moment, as its `Trainer` uses it.
public struct Adafactor: Optimizer {
  /// Exponent of the step in the decay rate.
  public var decayRate = -0.8
  /// Added to squares of the gradient.
  public var eps = 1e-30
  /// Root mean square of an update at most.
  public var clipThreshold = 1.0
  /// Fraction of a parameter, times the learning rate, that every update takes away.
  public var weightDecay = 0.0

  private var rowMoments = Moments("exp_avg_sq_row")
  private var columnMoments = Moments("exp_avg_sq_col")
  private var moments = Moments("exp_avg_sq")
  // Of the parameter that needs most, so that an update asks for no memory.
  private var scratch = Tensor.zeros([0])
  private var step = 0

  /// The defaults of transformers.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Makes moments of zero.
  public mutating func prepare(for parameters: [Parameter]) {
    rowMoments = Moments("exp_avg_sq_row", for: parameters) { $0.rank >= 2 ? [$0.rows] : [0] }
    columnMoments = Moments("exp_avg_sq_col", for: parameters) { $0.rank >= 2 ? [$0.columns] : [0] }
    moments = Moments("exp_avg_sq", for: parameters) { $0.rank >= 2 ? [0] : $0 }
    scratch = .zeros([parameters.map { Self.scratchCount($0.value.shape) }.max() ?? 0], in: .workspace)
    step = 0
  }

  private static func scratchCount(_ shape: Shape) -> Int {
    shape.rank >= 2 ? 2 * shape.rows + shape.columns : shape.count
  }

  /// One update of all parameters that have a gradient.
  public mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float) {
    precondition(moments.belong(to: parameters), "Adafactor was prepared for other parameters")
    step += 1
    let beta2 = 1 - pow(Double(step), decayRate)
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      let constants = Kernels.AdafactorStep(
        gradientScale: gradientScale, learningRate: Float(learningRate * parameter.learningRateRatio),
        beta2: Float(beta2), eps: Float(eps), clipThreshold: Float(clipThreshold),
        weightDecay: Float(weightDecay * parameter.weightDecayRatio))
      update(parameter, gradient, index, constants)
    }
  }

  private mutating func update(
    _ parameter: Parameter, _ gradient: Tensor, _ index: Int, _ constants: Kernels.AdafactorStep
  ) {
    let isMatrix = parameter.value.shape.rank >= 2
    scratch.withMutableElements { scratch in
      parameter.value.withMutableElements { value in
        gradient.withElements { gradient in
          if isMatrix {
            rowMoments.tensors[index].withMutableElements { row in
              columnMoments.tensors[index].withMutableElements { column in
                Kernels.adafactor(
                  matrix: value, row: row, column: column, gradient: gradient, constants, scratch: scratch)
              }
            }
          } else {
            moments.tensors[index].withMutableElements { moment in
              Kernels.adafactor(vector: value, moment: moment, gradient: gradient, constants, scratch: scratch)
            }
          }
        }
      }
    }
  }

  /// The moments, as `exp_avg_sq_row.NAME` and `exp_avg_sq_col.NAME`, or `exp_avg_sq.NAME`.
  public var state: OptimizerState {
    let tensors = [rowMoments.named, columnMoments.named, moments.named]
    return OptimizerState(step: step, tensors: tensors.reduce(into: [:]) { $0.merge($1) { $1 } })
  }

  /// Takes over moments by name.
  public mutating func restore(_ state: OptimizerState) throws {
    try rowMoments.restore(state)
    try columnMoments.restore(state)
    try moments.restore(state)
    step = state.step
  }

  /// Its settings.
  public var settings: [String: String] {
    [
      "optimizer": "adafactor", "decay_rate": "\(decayRate)", "epsilon": "\(eps)",
      "clip_threshold": "\(clipThreshold)", "weight_decay": "\(weightDecay)",
    ]
  }
}
