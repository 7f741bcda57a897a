internal import Foundation
public import QPEFTAutodiff
internal import QPEFTKernels
public import QPEFTLayers
public import QPEFTTensor

/// Low-rank update `y + scale · ((x · Aᵀ) · Bᵀ + bias of B)` of a frozen linear layer, whose own bias may be trained.
///
/// - Shapes: `x` [n, inputs], `y` [n, outputs], `A` [rank, inputs], `B` [outputs, rank].
/// - Memory: keeps `x` (shared) and n · rank floats until backward; with dropout a second `x`.
/// - Source: Hu et al. 2021, arXiv:2106.09685; first values and scaling as in huggingface/peft.
public struct LoRA: LinearAdapter {
  /// The two factors.
  public let a, b: Parameter
  /// Bias of B, where the settings ask for one.
  public let updateBias: Parameter?
  /// The layer's bias, where it is trained.
  public let bias: Parameter?
  /// What the update is multiplied by.
  public let scale: Float
  let dropout: Float
  let dropoutSite: UInt32

  /// A fresh update at `site`: B zero, A the same for the same seed and site. `bias` is that of the frozen layer.
  public init(_ configuration: LoRAConfiguration, at site: LinearSite, bias: Tensor? = nil, seed: UInt64) {
    let stream = RandomKey(seed: seed, step: .max, site: site.number)
    let prefix = site.prefix
    let shape: Shape = [configuration.rank, site.columns]
    let bound = 1 / Float(site.columns).squareRoot()
    let values: Tensor =
      switch configuration.initialization {
      case .kaiming: .uniform(shape, low: -bound, high: bound, key: stream, in: .adapters)
      case .gaussian: .normal(shape, deviation: 1 / Float(configuration.rank), key: stream)
      }
    a = Parameter("\(prefix).lora_A.weight", values)
    b = Parameter("\(prefix).lora_B.weight", .zeros([site.rows, configuration.rank], in: .adapters))
    updateBias =
      configuration.hasLoRABias ? Parameter("\(prefix).lora_B.bias", .zeros([site.rows], in: .adapters)) : nil
    self.bias =
      configuration.bias == .none ? nil : bias.map { Parameter("\(prefix).base_layer.bias", $0.copied(in: .adapters)) }
    scale = configuration.scale
    dropout = configuration.dropout
    dropoutSite = site.number
  }

  /// `A`, `B` and the biases that are trained.
  public var parameters: [Parameter] { [a, b] + [updateBias, bias].compactMap { $0 } }

  /// The adapted layer's result.
  public func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable {
    let isDropped = dropout > 0 && x.tape.isTraining
    var y = x.multiplied(
      by: base.weight, bias: bias == nil ? base.bias : nil, lowRank: Variable(a, on: x.tape), Variable(b, on: x.tape),
      scale: scale, droppedOut: isDropped ? x.dropout(dropout, site: dropoutSite) : nil)
    if let updateBias { y = y.adding(row: Variable(updateBias, on: x.tape), scale: scale) }
    if let bias { y = y.adding(row: Variable(bias, on: x.tape)) }
    return y
  }

  /// `W + scale · B · A`, row by row.
  public func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? {
    var merged = rows
    merged.addProduct(scale * b.value.rows(range), a.value)
    return merged
  }

  /// The layer's bias and the scaled one of B.
  public func merged(bias frozen: Tensor?) -> Tensor? {
    let own = bias?.value ?? frozen
    guard let updateBias else { return own }
    let update = scale * updateBias.value
    return own.map { $0 + update } ?? update
  }
}

extension LinearSite {
  /// A number for random streams that depends on the name alone (FNV-1a).
  var number: UInt32 { name.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 } }

  /// What stands before peft's names in the keys of this layer.
  var prefix: String { "base_model.model.\(name)" }
}

extension Tensor {
  /// Normal numbers, the same for the same key (Box and Muller's transform of uniform ones).
  fileprivate static func normal(_ shape: Shape, deviation: Float, key: RandomKey) -> Tensor {
    var values = Tensor(uninitialized: shape, in: .adapters)
    let uniform = Tensor.uniform([2 * shape.count], key: key, in: .workspace)
    values.withMutableElements { values in
      uniform.withElements { uniform in
        for index in values.indices {
          let radius = (-2 * log(Double(1 - uniform[2 * index]))).squareRoot()
          values[index] = deviation * Float(radius * cos(2 * Double.pi * Double(uniform[2 * index + 1])))
        }
      }
    }
    return values
  }
}
