public import QPEFTAutodiff
public import QPEFTTensor

/// RMS norm with a frozen weight `[d]`.
public struct RMSNorm: Sendable {
  let weight: Tensor
  let eps: Float

  /// A norm of a weight `[d]`; `eps` is added to the mean square.
  public init(weight: Tensor, eps: Float) {
    self.weight = weight
    self.eps = eps
  }

  /// The normalized rows of `x` [n, d].
  public func callAsFunction(_ x: Variable) -> Variable {
    x.rmsNorm(weight: Variable(weight, on: x.tape), eps: eps)
  }
}
