internal import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// State of one kind, a tensor for each parameter: kept in the ledger's `optimizer` room, saved and restored by name.
struct Moments {
  /// Name of the kind in files, for example `exp_avg`; a tensor's name is `kind.PARAMETER`.
  let kind: String
  private let names: [String]
  /// In the order of the parameters.
  var tensors: [Tensor]

  /// Zeros; `shape` gives a moment's shape by its parameter's. No numbers where it gives none.
  init(_ kind: String, for parameters: [Parameter] = [], shape: (Shape) -> Shape = { $0 }) {
    self.kind = kind
    names = parameters.map(\.name)
    tensors = parameters.map { .zeros(shape($0.value.shape), in: .optimizer) }
  }

  /// Tensors by the names of files; those without numbers are left out.
  var named: [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: zip(names, tensors).filter { $1.count > 0 }.map { ("\(kind).\($0)", $1) })
  }

  /// Takes over saved tensors.
  /// - Throws: `TrainingError.optimizerState` naming the tensor that is missing or has another shape.
  mutating func restore(_ state: OptimizerState) throws {
    for (index, name) in names.enumerated() where tensors[index].count > 0 {
      let (key, shape) = ("\(kind).\(name)", tensors[index].shape)
      guard let saved = state.tensors[key] else { throw TrainingError.optimizerState("it lacks \(key)") }
      guard saved.shape == shape else {
        throw TrainingError.optimizerState("\(key) has shape \(saved.shape), expected \(shape)")
      }
      // Into the tensor of this run, which the ledger counts; byte by byte, since some moments are codes.
      tensors[index].withMutableElements { target in
        saved.withElements { UnsafeMutableRawBufferPointer(target).copyMemory(from: UnsafeRawBufferPointer($0)) }
      }
    }
  }

  /// Hands numbers, moment and gradient of every parameter that has one, its learning rate and weight decay to `body`.
  mutating func update(
    _ parameters: [Parameter], learningRate: Double, weightDecay: Double,
    _ body: (
      Kernels.Output, _ moment: Kernels.Output, _ gradient: Kernels.Input, _ learningRate: Float, _ weightDecay: Float
    ) -> Void
  ) {
    precondition(belong(to: parameters), "the optimizer was prepared for other parameters")
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.gradient else { continue }
      let (rate, decay) = (learningRate * parameter.learningRateRatio, weightDecay * parameter.weightDecayRatio)
      parameter.value.withMutableElements { value in
        tensors[index].withMutableElements { moment in
          gradient.withElements { body(value, moment, $0, Float(rate), Float(decay)) }
        }
      }
    }
  }

  /// Whether these are the moments of `parameters`.
  func belong(to parameters: [Parameter]) -> Bool { names == parameters.map(\.name) }
}
