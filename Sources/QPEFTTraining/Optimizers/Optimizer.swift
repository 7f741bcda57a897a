public import QPEFTAutodiff
public import QPEFTTensor

/// Changes parameters along their gradients. Write your own outside the package; `Trainer` takes any.
public protocol Optimizer {
  /// Makes the state (moments) for these parameters, charged to the ledger's `optimizer` room. Called once, before the first
  /// update; in a dry run on tensors without memory, so it touches numbers only through `Tensor`.
  mutating func prepare(for parameters: [Parameter])

  /// One update. A parameter without a gradient stays as it is; a gradient counts `gradientScale` times (clipping).
  mutating func update(_ parameters: [Parameter], learningRate: Double, gradientScale: Float)

  /// Everything that an exact resume needs: tensors by name.
  var state: OptimizerState { get }

  /// Takes over a saved state. Called after `prepare`.
  /// - Throws: `TrainingError.optimizerState` naming what does not fit.
  mutating func restore(_ state: OptimizerState) throws

  /// Settings by name, compared on resume.
  var settings: [String: String] { get }
}

/// What an optimizer remembers between updates.
public struct OptimizerState: Sendable {
  /// Updates made so far.
  public var step: Int
  /// Moments and the like by unique name.
  public var tensors: [String: Tensor]

  /// A state of so many updates.
  public init(step: Int, tensors: [String: Tensor]) {
    self.step = step
    self.tensors = tensors
  }
}
