internal import QPEFTKernels
internal import QPEFTTensor

/// `y = x / sqrt(mean(x²) + eps) · weight`, over rows.
///
/// - Shapes: `x` [n, d], `weight` [d].
/// - Memory: keeps `x` and one float a row.
/// - Source: Zhang and Sennrich 2019, arXiv:1910.07467; `LlamaRMSNorm` of transformers.
struct RMSNormalization: Operation {
  let eps: Float
  var isCheap: Bool { true }

  struct Saved {
    let x, weight, inverseRMS: Tensor
  }

  /// Inputs: `x, weight`.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let (x, weight) = (inputs[0], inputs[1])
    var y = Tensor(uninitialized: x.shape)
    var inverseRMS = Tensor(uninitialized: [x.shape.rows])
    inverseRMS.withMutableElements { inverseRMS in
      y.withMutableElements { y in
        x.withElements { x in
          weight.withElements { Kernels.rmsNorm(y, inverseRMS: inverseRMS, x, weight: $0, eps: eps) }
        }
      }
    }
    return (y, Saved(x: x, weight: weight, inverseRMS: inverseRMS))
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    var dweight = gradients.wants(1) ? Tensor.zeros(saved.weight.shape, in: .gradients) : nil
    gradients.write(0, saved.x.shape) { dx, accumulate in
      propagate(gradient, saved, into: &dx, dweight: &dweight, accumulate: accumulate)
    }
    if !gradients.wants(0), dweight != nil {
      var dx = Tensor(uninitialized: saved.x.shape, in: .workspace)
      propagate(gradient, saved, into: &dx, dweight: &dweight, accumulate: false)
    }
    if let dweight { gradients.add(dweight, to: 1) }
  }

  private func propagate(
    _ gradient: Tensor, _ saved: Saved, into dx: inout Tensor, dweight: inout Tensor?, accumulate: Bool
  ) {
    dx.withMutableElements { dx in
      gradient.withElements { dy in
        saved.x.withElements { x in
          saved.inverseRMS.withElements { inverseRMS in
            saved.weight.withElements { weight in
              let run = { (dweight: UnsafeMutableBufferPointer<Float>?) in
                Kernels.rmsNormBackward(
                  dx, dweight: dweight, dy, x, inverseRMS: inverseRMS, weight: weight, accumulate: accumulate)
              }
              if dweight == nil { run(nil) } else { dweight?.withMutableElements { run($0) } }
            }
          }
        }
      }
    }
  }
}

extension Variable {
  /// RMS norm of every row with weights `[columns]`.
  public func rmsNorm(weight: Variable, eps: Float) -> Variable {
    tape.apply(RMSNormalization(eps: eps), [self, weight])
  }
}
