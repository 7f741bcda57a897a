public import QPEFTTensor

/// A differentiable operation: an explicit pair of forward and backward, and the type of what it keeps in between.
///
/// The bytes it keeps need no second statement: a dry run (`Tensor.isPlanning`) executes this very code on tensors without
/// memory, and the ledger counts them. So an operation touches numbers only inside `withMutableElements` of what it makes.
public protocol Operation {
  /// What is kept alive from forward to backward.
  associatedtype Saved

  /// Whether running forward again costs next to nothing beside a matrix product, so that a block may forget the result and
  /// compute it again in backward (`RecomputePolicy.keepProducts`). Operations that keep such a result for themselves keep a
  /// `KeptTensor`. False unless the operation says otherwise.
  var isCheap: Bool { get }

  /// The result, and what backward needs.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved)

  /// Adds the gradients of the inputs, given the gradient of the output.
  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients)
}

extension Operation {
  /// Not cheap.
  public var isCheap: Bool { false }
}

/// An operation whose backward does not need its result. A block that runs a second time only for its backward leaves such a
/// result out until another operation asks for it: nobody asks for the last ones.
protocol PostponableOperation: Operation {
  /// Extents of the result.
  func shape(_ inputs: [KeptTensor]) -> Shape
  /// What backward needs. An input whose numbers are not looked at here may itself be left out.
  func save(_ inputs: [KeptTensor]) -> Saved
  /// The result.
  func result(_ inputs: [KeptTensor], _ saved: Saved) -> Tensor
}

extension PostponableOperation {
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let inputs = inputs.map(KeptTensor.init(numbers:))
    let saved = save(inputs)
    return (result(inputs, saved), saved)
  }
}

/// Where an operation's backward puts the gradients of its inputs.
public struct InputGradients {
  let tape: Tape
  let sources: [Source]

  /// Whether anybody wants the gradient of input `index`. Skip the work where not.
  public func wants(_ index: Int) -> Bool { sources[index] != .constant }

  /// Adds a gradient that is already a tensor; shares its memory where it is the first.
  public func add(_ gradient: @autoclosure () -> Tensor, to index: Int) {
    guard wants(index) else { return }
    let gradient = gradient()
    update(index) { slot in
      if slot == nil { slot = gradient } else { slot?.add(gradient) }
    }
  }

  /// Lets `body` write (`accumulate` false) or add to (`true`) the gradient of input `index` of that shape, in place.
  public func write(_ index: Int, _ shape: Shape, _ body: (_ gradient: inout Tensor, _ accumulate: Bool) -> Void) {
    guard wants(index) else { return }
    update(index) { slot in
      if var gradient = slot.take() {
        body(&gradient, true)
        slot = gradient
      } else {
        var gradient = Tensor(uninitialized: shape, in: .gradients)
        body(&gradient, false)
        slot = gradient
      }
    }
  }

  private func update(_ index: Int, _ body: (inout Tensor?) -> Void) {
    switch sources[index] {
    case .constant: return
    case .node(let node): body(&tape.gradients[node])
    case .parameter(let parameter): body(&parameter.gradient)
    }
  }
}
