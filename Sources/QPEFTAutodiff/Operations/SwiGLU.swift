internal import QPEFTKernels
internal import QPEFTTensor

/// `silu(gate) · up`, element by element; keeps both.
///
/// - Source: Shazeer 2020, arXiv:2002.05202.
struct GatedUnit: Operation {
  var isCheap: Bool { true }

  struct Saved {
    let gate, up: Tensor
  }

  /// Inputs: `gate, up`.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let (gate, up) = (inputs[0], inputs[1])
    var y = Tensor(uninitialized: gate.shape)
    y.withMutableElements { y in gate.withElements { gate in up.withElements { Kernels.swiGLU(y, gate: gate, up: $0) } }
    }
    return (y, Saved(gate: gate, up: up))
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    var dgate = Tensor(uninitialized: saved.gate.shape, in: .gradients)
    var dup = Tensor(uninitialized: saved.up.shape, in: .gradients)
    dgate.withMutableElements { dgate in
      dup.withMutableElements { dup in
        gradient.withElements { dy in
          saved.gate.withElements { gate in
            saved.up.withElements { Kernels.swiGLUBackward(dgate, dup, dy, gate: gate, up: $0) }
          }
        }
      }
    }
    gradients.add(dgate, to: 0)
    gradients.add(dup, to: 1)
  }
}

extension Variable {
  /// `silu(self) · up`.
  public func swiGLU(up: Variable) -> Variable { tape.apply(GatedUnit(), [self, up]) }
}
