internal import QPEFTKernels

/// What is added to a product with a frozen matrix in the same pass over its result: `hidden [n, rank]` times a factor, transposed
/// or as it lies, as `FrozenMatrix` says.
public struct LowRankTerm: Sendable {
  /// `[n, rank]`.
  public let hidden: Tensor
  /// `[rows, rank]` or `[rank, columns]`.
  public let factor: Tensor

  /// A term of these two, which agree about the rank.
  public init(hidden: Tensor, factor: Tensor) {
    self.hidden = hidden
    self.factor = factor
  }
}

extension LowRankTerm? {
  func withElements(_ body: (Kernels.LowRankTerm?) -> Void) {
    guard let term = self else { return body(nil) }
    term.hidden.withElements { hidden in
      term.factor.withElements { body((hidden, $0, term.hidden.shape.columns)) }
    }
  }
}
