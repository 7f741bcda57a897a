public import QPEFTTensor

/// `y = x · Wᵀ + bias` with a frozen `W`.
///
/// - Shapes: `x` [n, columns], `y` [n, rows], `bias` [rows].
/// - Memory: keeps nothing; the gradient of `x` needs `W` alone.
struct FrozenProduct: PostponableOperation {
  let weight: any FrozenMatrix
  let bias: Tensor?

  func shape(_ inputs: [KeptTensor]) -> Shape { [inputs[0].shape.rows, weight.rows] }
  func save(_ inputs: [KeptTensor]) {}
  func result(_ inputs: [KeptTensor], _ saved: Void) -> Tensor { weight.product(inputs[0].tensor, bias: bias) }

  func backward(_ gradient: Tensor, _ saved: Void, into gradients: InputGradients) {
    gradients.write(0, [gradient.shape.rows, weight.columns]) { dx, accumulate in
      weight.multiplyTransposed(gradient, into: &dx, accumulate: accumulate, plus: nil)
    }
  }
}

extension FrozenMatrix {
  func product(_ x: Tensor, plus term: LowRankTerm? = nil, bias: Tensor?) -> Tensor {
    precondition(x.shape.columns == columns, "\(x.shape) times the transpose of [\(rows), \(columns)]")
    var y = multiply(x, plus: term)
    if let bias { y.addToRows(bias) }
    return y
  }
}

extension Variable {
  /// `self · Wᵀ + bias` with a frozen `W`: [n, columns] to [n, rows].
  public func multiplied(by weight: any FrozenMatrix, bias: Tensor? = nil) -> Variable {
    tape.apply(FrozenProduct(weight: weight, bias: bias), [self])
  }
}
