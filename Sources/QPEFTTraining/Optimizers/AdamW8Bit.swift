public import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// AdamW whose moments are kept in 8 bits: a code for each number and a float32 scale for each block of 256.
///
/// The first moment has bitsandbytes' signed dynamic map, the second its unsigned one; each update decodes a block, changes it as
/// `AdamW` does, and quantizes it again. Tensors of fewer than 4,096 numbers keep float32 moments, as there.
/// - Memory: 2.03 bytes for every trained number of a large tensor, instead of 8.
/// - Source: Dettmers et al. 2021, arXiv:2110.02861; `AdamW8bit` of bitsandbytes as it computes on a CPU.
public struct AdamW8Bit: Optimizer {
  /// Tensors with fewer numbers keep float32 moments.
  public static let smallest = 4096
  /// Decay rate of the first moment.
  public var beta1 = 0.9
  /// Decay rate of the second moment.
  public var beta2 = 0.999
  /// Added to the root of the second moment.
  public var eps = 1e-8
  /// Fraction of a parameter, times the learning rate, that every update takes away.
  public var weightDecay = 0.0

  private var small = AdamW()
  private var isLarge: [Bool] = []
  private var firstMoments = Moment8Bit("exp_avg")
  private var secondMoments = Moment8Bit("exp_avg_sq")
  private var step = 0

  /// The defaults of bitsandbytes, but no weight decay.
  public init(weightDecay: Double = 0) { self.weightDecay = weightDecay }

  /// Makes moments of zero.
  public mutating func prepare(for parameters: [Parameter]) {
    isLarge = parameters.map { $0.value.count >= Self.smallest }
    let large = zip(parameters, isLarge).filter(\.1).map(\.0)
    firstMoments = Moment8Bit("exp_avg", for: large)
    secondMoments = Moment8Bit("exp_avg_sq", for: large)
    small = AdamW(weightDecay: weightDecay)
    (small.beta1, small.beta2, small.eps) = (beta1, beta2, eps)
    small.prepare(for: zip(parameters, isLarge).filter { !$1 }.map(\.0))
    step = 0
  }

  /// One update of all parameters that have a gradient.
  public mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float) {
    precondition(parameters.count == isLarge.count, "AdamW8Bit was prepared for other parameters")
    step += 1
    small.update(
      zip(parameters, isLarge).filter { !$1 }.map(\.0), learningRate: learningRate, gradientScale: gradientScale)
    for (index, parameter) in zip(parameters, isLarge).filter(\.1).map(\.0).enumerated() {
      guard let gradient = parameter.gradient else { continue }
      parameter.value.withMutableElements { value in
        firstMoments.withMoment(index) { first in
          secondMoments.withMoment(index) { second in
            gradient.withElements { gradient in
              Kernels.adamW8Bit(
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

  /// The moments: `exp_avg.NAME` and `exp_avg_sq.NAME` of small tensors; of large ones `exp_avg_codes.NAME` (four codes in the
  /// place of a float32) and `exp_avg_absmax.NAME`, and the same of `exp_avg_sq`.
  public var state: OptimizerState {
    let tensors = [firstMoments.named, secondMoments.named, small.state.tensors]
    return OptimizerState(step: step, tensors: tensors.reduce(into: [:]) { $0.merge($1) { $1 } })
  }

  /// Takes over moments by name.
  public mutating func restore(_ state: OptimizerState) throws {
    try small.restore(state)
    try firstMoments.restore(state)
    try secondMoments.restore(state)
    step = state.step
  }

  /// Its settings.
  public var settings: [String: String] {
    [
      "optimizer": "adamw-8bit", "beta1": "\(beta1)", "beta2": "\(beta2)", "epsilon": "\(eps)",
      "weight_decay": "\(weightDecay)",
    ]
  }
}

/// Moments of one kind as codes and scales. Tensors hold the codes, four in the place of a float32, so that ledger, snapshots and
/// resume treat them like any other state.
private struct Moment8Bit {
  var codes, absmax: Moments

  init(_ kind: String, for parameters: [Parameter] = []) {
    codes = Moments("\(kind)_codes", for: parameters) { [($0.count + 3) / 4] }
    absmax = Moments("\(kind)_absmax", for: parameters) { shape in
      [(shape.count + Kernels.momentBlock - 1) / Kernels.momentBlock]
    }
  }

  mutating func withMoment(_ index: Int, _ body: (Kernels.Moment8Bit) -> Void) {
    codes.tensors[index].withMutableElements { codes in
      absmax.tensors[index].withMutableElements { absmax in
        let bytes = UnsafeMutableRawBufferPointer(codes).assumingMemoryBound(to: UInt8.self)
        body(Kernels.Moment8Bit(codes: bytes, absmax: absmax))
      }
    }
  }

  var named: [String: Tensor] { codes.named.merging(absmax.named) { $1 } }

  mutating func restore(_ state: OptimizerState) throws {
    try codes.restore(state)
    try absmax.restore(state)
  }
}
