public import QPEFTTensor

/// The record of one forward pass. Backward consumes it, so memory falls as it goes.
public final class Tape {
  /// False for inference: operations run, nothing is kept.
  public let isRecording: Bool
  /// Whether dropout drops. True where backward will follow, also while a checkpoint runs ahead without recording.
  public let isTraining: Bool
  /// Seed of the run and number of the forward pass; operations add their site. Recomputation draws the same numbers.
  public let seed: UInt64
  /// See `seed`.
  public let step: UInt32

  /// Where blocks put their inputs under `RecomputePolicy.blockInputOnDisk`; without one they keep them in memory.
  public var activationFile: ActivationFile?
  /// Bytes of logits that `headCrossEntropy` holds at one time.
  public var logitsByteCount = Tape.standardLogitsByteCount
  /// The usual `logitsByteCount`.
  public static let standardLogitsByteCount = 24 << 20

  /// Whether results of cheap operations are computed again instead of kept.
  var repeatsCheapOperations = false
  /// Whether results are computed only when they are asked for, where the operation allows it.
  var postpones = false
  private var nodes: [any Node] = []
  var gradients: [Tensor?] = []

  /// An empty tape.
  public convenience init(isRecording: Bool = true, seed: UInt64 = 0, step: UInt32 = 0) {
    self.init(isRecording: isRecording, isTraining: isRecording, seed: seed, step: step)
  }

  init(isRecording: Bool, isTraining: Bool, seed: UInt64, step: UInt32) {
    self.isRecording = isRecording
    self.isTraining = isTraining
    self.seed = seed
    self.step = step
  }

  /// A variable whose gradient can be asked for after backward: a leaf that is not a parameter.
  public func leaf(_ value: Tensor) -> Variable {
    guard isRecording else { return Variable(value, on: self) }
    return Variable(value, self, append(Leaf()))
  }

  /// Runs an operation and records it if the gradient of an input is wanted.
  public func apply<Op: Operation>(_ operation: Op, _ inputs: [Variable]) -> Variable {
    var (output, saved) = operation.forward(inputs.map(\.value))
    guard isRecording, inputs.contains(where: \.needsGradient) else { return Variable(output, on: self) }
    if repeatsCheapOperations, operation.isCheap {
      let inputs = inputs.map { KeptTensor($0.value) }
      output.recomputation = Recomputation(output.shape) { operation.forward(inputs.map(\.tensor)).output }
    }
    return Variable(output, self, record(operation, saved, inputs))
  }

  /// The same, and if this tape postpones results, without the result yet.
  func apply<Op: PostponableOperation>(_ operation: Op, _ inputs: [Variable]) -> Variable {
    let isRecorded = isRecording && inputs.contains(where: \.needsGradient)
    let contents = inputs.map(\.content)
    let saved = operation.save(contents)
    guard isRecorded, postpones else {
      let output = operation.result(contents, saved)
      return isRecorded ? Variable(output, self, record(operation, saved, inputs)) : Variable(output, on: self)
    }
    let output = KeptTensor(operation.shape(contents)) { operation.result(contents, saved) }
    return Variable(output, self, record(operation, saved, inputs))
  }

  /// Sends `gradient` back from `output`, newest operation first. Parameters' gradients are added to; those of `leaves` are
  /// returned, nil where nothing reached them. The tape is empty afterwards.
  @discardableResult
  public func backward(from output: Variable, gradient: Tensor, to leaves: [Variable] = []) -> [Tensor?] {
    precondition(gradient.shape == output.shape, "gradient \(gradient.shape) for a result \(output.shape)")
    return backward(from: output.source, gradient: gradient, to: leaves)
  }

  /// The same from where the result came from: its numbers need not be there any more, or yet.
  func backward(from output: Source, gradient: Tensor, to leaves: [Variable]) -> [Tensor?] {
    if case .node(let node) = output {
      gradients[node] = gradient
      while let node = nodes.popLast() {
        if node is Leaf { continue }
        if let gradient = gradients[nodes.count].take() { node.backward(gradient, on: self) }
      }
    }
    let result: [Tensor?] = leaves.map {
      guard case .node(let node) = $0.source else { return nil }
      return gradients[node].take()
    }
    nodes = []
    gradients = []
    return result
  }

  /// Sends the gradient 1 back from a scalar.
  public func backward(from loss: Variable) {
    backward(from: loss, gradient: Tensor(repeating: 1, loss.shape, in: .gradients))
  }

  private func record<Op: Operation>(_ operation: Op, _ saved: Op.Saved, _ inputs: [Variable]) -> Source {
    append(Record(operation: operation, saved: saved, sources: inputs.map(\.source)))
  }

  private func append(_ node: any Node) -> Source {
    nodes.append(node)
    gradients.append(nil)
    return .node(nodes.count - 1)
  }
}

private protocol Node {
  func backward(_ gradient: Tensor, on tape: Tape)
}

private struct Leaf: Node {
  func backward(_ gradient: Tensor, on tape: Tape) {}
}

private struct Record<Op: Operation>: Node {
  let operation: Op
  let saved: Op.Saved
  let sources: [Source]

  func backward(_ gradient: Tensor, on tape: Tape) {
    operation.backward(gradient, saved, into: InputGradients(tape: tape, sources: sources))
  }
}
