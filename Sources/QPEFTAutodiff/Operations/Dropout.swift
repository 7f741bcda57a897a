internal import QPEFTKernels
internal import QPEFTTensor

/// Inverted dropout by counter: keeps nothing, draws the same mask again in backward.
struct Dropout: Operation {
  let p: Float
  let key: RandomKey
  var isCheap: Bool { true }

  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Void) { (drop(inputs[0]), ()) }

  func backward(_ gradient: Tensor, _ saved: Void, into gradients: InputGradients) {
    gradients.add(drop(gradient), to: 0)
  }

  private func drop(_ x: Tensor) -> Tensor {
    var y = Tensor(uninitialized: x.shape)
    y.withMutableElements { y in x.withElements { Kernels.dropout(y, $0, p: p, key: key) } }
    return y
  }
}

extension Variable {
  /// Dropout with probability `p`; the mask depends on the tape's seed and step, and on `site`. Nothing at `p` 0 or in inference.
  public func dropout(_ p: Float, site: UInt32) -> Variable {
    guard p > 0, tape.isTraining else { return self }
    return tape.apply(Dropout(p: p, key: RandomKey(seed: tape.seed, step: tape.step, site: site)), [self])
  }
}
