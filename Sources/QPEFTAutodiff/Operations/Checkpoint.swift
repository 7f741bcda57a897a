internal import QPEFTTensor

/// Recomputation: keeps only its input, runs `body` again in backward.
///
/// - Memory: the input until backward; during its backward, what `body` keeps.
/// - Source: Chen et al. 2016, arXiv:1604.06174.
struct Checkpoint: Operation {
  let body: (Variable) -> Variable
  let inputNeedsGradient: Bool
  let seed: UInt64
  let step: UInt32

  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Tensor) {
    let tape = Tape(isRecording: false, isTraining: true, seed: seed, step: step)
    return (body(Variable(inputs[0], on: tape)).value, inputs[0])
  }

  func backward(_ gradient: Tensor, _ saved: Tensor, into gradients: InputGradients) {
    let tape = Tape(seed: seed, step: step)
    let x = inputNeedsGradient ? tape.leaf(saved) : Variable(saved, on: tape)
    if let dx = tape.backward(from: body(x), gradient: gradient, to: [x])[0] { gradients.add(dx, to: 0) }
  }
}

extension Variable {
  /// `body(self)`, keeping only `self` for backward and running `body` again there. `body` must build on the tape of its
  /// argument and draw random numbers by that tape's seed and step alone.
  ///
  /// Parameters used inside get their gradients even where nobody wants the gradient of `self`.
  public func checkpointed(_ body: @escaping (Variable) -> Variable) -> Variable {
    guard tape.isRecording else { return body(self) }
    let input = needsGradient ? self : tape.leaf(value)
    let operation = Checkpoint(body: body, inputNeedsGradient: needsGradient, seed: tape.seed, step: tape.step)
    return tape.apply(operation, [input])
  }
}
