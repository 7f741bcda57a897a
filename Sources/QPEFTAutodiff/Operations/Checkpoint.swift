internal import QPEFTTensor

/// Recomputation: keeps only its input, runs `body` again in backward, but for last products whose results nobody asks for.
///
/// - Memory: the input until backward; during its backward, what `body` keeps under `keepProducts`.
/// - Source: Chen et al. 2016, arXiv:1604.06174.
struct Checkpoint: Operation {
  let body: (Variable) -> Variable
  let inputNeedsGradient: Bool
  let policy: RecomputePolicy
  let seed: UInt64
  let step: UInt32
  let file: ActivationFile?

  /// The input, in one of the ways to keep it.
  enum Saved {
    case memory(Tensor)
    case packed(PackedTensor)
    case file(ActivationFile, ActivationFile.Place)

    var tensor: Tensor {
      switch self {
      case .memory(let tensor): tensor
      case .packed(let packed): packed.tensor
      case .file(let file, let place): file.take(place)
      }
    }
  }

  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let tape = Tape(isRecording: false, isTraining: true, seed: seed, step: step)
    let saved: Saved
    switch (policy, file) {
    case (.blockInputBF16, _): saved = .packed(PackedTensor(inputs[0]))
    case (.blockInputOnDisk, let file?): saved = .file(file, file.put(inputs[0]))
    default: saved = .memory(inputs[0])
    }
    return (body(Variable(inputs[0], on: tape)).value, saved)
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    let tape = Tape(seed: seed, step: step)
    tape.repeatsCheapOperations = true
    tape.postpones = true
    // The result itself is not kept: nobody asks for its numbers.
    let (x, output) = Tensor.$isRecomputing.withValue(true) {
      let input = saved.tensor
      let x = inputNeedsGradient ? tape.leaf(input) : Variable(input, on: tape)
      let output = body(x)
      precondition(gradient.shape == output.shape, "gradient \(gradient.shape) for a result \(output.shape)")
      return (x, output.source)
    }
    if let dx = tape.backward(from: output, gradient: gradient, to: [x])[0] { gradients.add(dx, to: 0) }
  }
}

extension Variable {
  /// `body(self)`, keeping for backward what `policy` says. `body` must build on the tape of its argument and draw random
  /// numbers by that tape's seed and step alone.
  ///
  /// Parameters used inside get their gradients even where nobody wants the gradient of `self`.
  public func checkpointed(_ policy: RecomputePolicy, _ body: @escaping (Variable) -> Variable) -> Variable {
    guard tape.isRecording, policy != .keepAll else { return body(self) }
    if policy == .keepProducts {
      let before = tape.repeatsCheapOperations
      tape.repeatsCheapOperations = true
      defer { tape.repeatsCheapOperations = before }
      return body(self)
    }
    let input = needsGradient ? self : tape.leaf(value)
    let operation = Checkpoint(
      body: body, inputNeedsGradient: needsGradient, policy: policy, seed: tape.seed, step: tape.step,
      file: tape.activationFile)
    return tape.apply(operation, [input])
  }
}
