internal import QPEFTKernels
internal import QPEFTTensor

/// `y[i, :] = x[i, :] + scale · row`: a trained bias. Keeps nothing.
struct RowAddition: Operation {
  let scale: Float

  /// Inputs: `x, row`.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Shape) {
    var y = inputs[0]
    y.addToRows(scale == 1 ? inputs[1] : scale * inputs[1])
    return (y, inputs[1].shape)
  }

  func backward(_ gradient: Tensor, _ saved: Shape, into gradients: InputGradients) {
    if gradients.wants(1) {
      var sums = Tensor.zeros(saved, in: .gradients)
      sums.withMutableElements { sums in
        gradient.withElements { Kernels.sumRows(sums, $0) }
        if scale != 1 { Kernels.scale(sums, by: scale) }
      }
      gradients.add(sums, to: 1)
    }
    gradients.add(gradient, to: 0)
  }
}

extension Variable {
  /// `scale · row` added to every row of `self` [n, d]; `row` [d].
  public func adding(row: Variable, scale: Float = 1) -> Variable {
    tape.apply(RowAddition(scale: scale), [self, row])
  }
}
