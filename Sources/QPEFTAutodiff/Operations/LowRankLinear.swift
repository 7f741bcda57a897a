public import QPEFTTensor

/// `y = x · Wᵀ + bias + scale · (z · Aᵀ) · Bᵀ` with a frozen `W`; `z` is `x`, or `x` after dropout.
///
/// - Shapes: `x`, `z` [n, columns], `A` [rank, columns], `B` [rows, rank], `y` [n, rows].
/// - Memory: keeps `z` (shared, not copied; or how to compute it again) and `scale · z · Aᵀ`, n · rank floats.
/// - Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
struct LowRankLinear: PostponableOperation {
  let weight: any FrozenMatrix
  let bias: Tensor?
  let scale: Float

  struct Saved {
    let z: KeptTensor
    let a, b, hidden: Tensor
    let isDroppedOut: Bool
  }

  func shape(_ inputs: [KeptTensor]) -> Shape { [inputs[0].shape.rows, weight.rows] }

  /// Inputs: `x, A, B`, and `z` if it is not `x`.
  func save(_ inputs: [KeptTensor]) -> Saved {
    let (z, a, b) = (inputs.count > 3 ? inputs[3].tensor : inputs[0].tensor, inputs[1].tensor, inputs[2].tensor)
    var hidden = z.timesTransposed(a)
    hidden.multiply(by: scale)
    return Saved(z: KeptTensor(z), a: a, b: b, hidden: hidden, isDroppedOut: inputs.count > 3)
  }

  func result(_ inputs: [KeptTensor], _ saved: Saved) -> Tensor {
    weight.product(inputs[0].tensor, plus: LowRankTerm(hidden: saved.hidden, factor: saved.b), bias: bias)
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    gradients.write(2, saved.b.shape) { db, accumulate in
      db.addProduct(gradient, transposeA: true, saved.hidden, accumulate: accumulate)
    }
    var hidden = Tensor(uninitialized: saved.hidden.shape, in: .gradients)
    hidden.addProduct(gradient, saved.b, accumulate: false)
    hidden.multiply(by: scale)
    gradients.write(1, saved.a.shape) { da, accumulate in
      da.addProduct(hidden, transposeA: true, saved.z.tensor, accumulate: accumulate)
    }
    let term = saved.isDroppedOut ? nil : LowRankTerm(hidden: hidden, factor: saved.a)
    gradients.write(0, saved.z.shape) { dx, accumulate in
      weight.multiplyTransposed(gradient, into: &dx, accumulate: accumulate, plus: term)
    }
    if saved.isDroppedOut {
      gradients.write(3, saved.z.shape) { dz, accumulate in dz.addProduct(hidden, saved.a, accumulate: accumulate) }
    }
  }
}

extension Variable {
  /// `self · Wᵀ + bias + scale · (z · Aᵀ) · Bᵀ`; `z` is `self` unless a dropped-out version is given.
  public func multiplied(
    by weight: any FrozenMatrix, bias: Tensor? = nil, lowRank a: Variable, _ b: Variable, scale: Float,
    droppedOut z: Variable? = nil
  ) -> Variable {
    tape.apply(LowRankLinear(weight: weight, bias: bias, scale: scale), [self, a, b] + (z.map { [$0] } ?? []))
  }
}
