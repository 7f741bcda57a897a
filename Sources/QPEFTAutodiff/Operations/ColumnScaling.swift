internal import QPEFTKernels
public import QPEFTTensor

/// `y = x · (magnitude / norm) + bias`, column by column; `norm` is a constant.
///
/// - Shapes: `x`, `y` [n, d]; `magnitude`, `norm`, `bias` [d].
/// - Memory: keeps `x` and d floats.
/// - Source: Liu et al. 2024, arXiv:2402.09353, section 4.3: the norm gets no gradient.
struct ColumnScaling: Operation {
  let norm: Tensor
  let bias: Tensor?

  struct Saved {
    let x, factor: Tensor
  }

  /// Inputs: `x, magnitude`.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let x = inputs[0]
    let factor = inputs[1].divided(by: norm, in: .activations)
    return (x.scaledColumns(by: factor, shift: bias), Saved(x: x, factor: factor))
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    if gradients.wants(1) {
      var dmagnitude = Tensor.zeros(norm.shape, in: .gradients)
      dmagnitude.withMutableElements { sums in
        gradient.withElements { dy in saved.x.withElements { Kernels.columnDots(sums, dy, $0) } }
      }
      gradients.add(dmagnitude.divided(by: norm, in: .gradients), to: 1)
    }
    gradients.add(gradient.scaledColumns(by: saved.factor, shift: nil), to: 0)
  }
}

extension Tensor {
  fileprivate func scaledColumns(by factor: Tensor, shift: Tensor?) -> Tensor {
    var y = Tensor(uninitialized: shape)
    y.withMutableElements { y in
      withElements { x in
        factor.withElements { factor in
          if let shift {
            shift.withElements { Kernels.scaleColumns(y, x, by: factor, shift: $0) }
          } else {
            Kernels.scaleColumns(y, x, by: factor)
          }
        }
      }
    }
    return y
  }

  fileprivate func divided(by other: Tensor, in room: Room) -> Tensor {
    var quotient = Tensor(uninitialized: shape, in: room)
    quotient.withMutableElements { quotient in
      withElements { a in
        other.withElements { b in for index in quotient.indices { quotient[index] = a[index] / b[index] } }
      }
    }
    return quotient
  }
}

extension Variable {
  /// `self · (magnitude / norm) + bias`, column by column; no gradient flows into `norm`.
  public func scaledColumns(by magnitude: Variable, over norm: Tensor, bias: Tensor? = nil) -> Variable {
    tape.apply(ColumnScaling(norm: norm, bias: bias), [self, magnitude])
  }
}
