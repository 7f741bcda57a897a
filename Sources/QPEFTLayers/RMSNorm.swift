public import QPEFTAutodiff
public import QPEFTTensor

/// RMS norm with a weight `[d]`, frozen or trained.
public struct RMSNorm: Sendable {
  let weight: Tensor
  /// The trained weight, in place of the frozen one.
  public let parameter: Parameter?
  let eps: Float

  /// A norm of a weight `[d]`; `eps` is added to the mean square. With a parameter, that is the weight.
  public init(weight: Tensor, parameter: Parameter? = nil, eps: Float) {
    self.weight = weight
    self.parameter = parameter
    self.eps = eps
  }

  /// The normalized rows of `x` [n, d].
  public func callAsFunction(_ x: Variable) -> Variable {
    let weight = parameter.map { Variable($0, on: x.tape) } ?? Variable(weight, on: x.tape)
    return x.rmsNorm(weight: weight, eps: eps)
  }
}
