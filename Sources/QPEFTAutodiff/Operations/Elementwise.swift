internal import QPEFTTensor

/// `a + b`; keeps nothing.
struct Sum: PostponableOperation {
  func shape(_ inputs: [KeptTensor]) -> Shape { inputs[0].shape }
  func save(_ inputs: [KeptTensor]) {}
  func result(_ inputs: [KeptTensor], _ saved: Void) -> Tensor { inputs[0].tensor + inputs[1].tensor }

  func backward(_ gradient: Tensor, _ saved: Void, into gradients: InputGradients) {
    gradients.add(gradient, to: 0)
    gradients.add(gradient, to: 1)
  }
}

/// `a · b`, element by element; keeps both.
struct ElementProduct: Operation {
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: [Tensor]) { (inputs[0] * inputs[1], inputs) }

  func backward(_ gradient: Tensor, _ saved: [Tensor], into gradients: InputGradients) {
    gradients.add(gradient * saved[1], to: 0)
    gradients.add(gradient * saved[0], to: 1)
  }
}

/// `factor · x`; keeps nothing.
struct Scaling: Operation {
  let factor: Float

  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Void) { (factor * inputs[0], ()) }

  func backward(_ gradient: Tensor, _ saved: Void, into gradients: InputGradients) {
    gradients.add(factor * gradient, to: 0)
  }
}

/// `x · Wᵀ` with a trained `W`; keeps both. Shapes: `x` [n, k], `W` [m, k], result [n, m].
struct Product: Operation {
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: [KeptTensor]) {
    (inputs[0].timesTransposed(inputs[1]), inputs.map(KeptTensor.init(_:)))
  }

  func backward(_ gradient: Tensor, _ saved: [KeptTensor], into gradients: InputGradients) {
    gradients.write(0, saved[0].shape) { dx, accumulate in
      dx.addProduct(gradient, saved[1].tensor, accumulate: accumulate)
    }
    gradients.write(1, saved[1].shape) { dw, accumulate in
      dw.addProduct(gradient, transposeA: true, saved[0].tensor, accumulate: accumulate)
    }
  }
}

extension Variable {
  /// Sum of two variables of one shape.
  public static func + (a: Variable, b: Variable) -> Variable { a.tape.apply(Sum(), [a, b]) }

  /// Product of two variables of one shape, element by element.
  public static func * (a: Variable, b: Variable) -> Variable { a.tape.apply(ElementProduct(), [a, b]) }

  /// Product with a number.
  public static func * (factor: Float, x: Variable) -> Variable { x.tape.apply(Scaling(factor: factor), [x]) }

  /// `self[n, k] · wᵀ` with `w` `[m, k]`.
  public func timesTransposed(_ w: Variable) -> Variable { tape.apply(Product(), [self, w]) }
}
