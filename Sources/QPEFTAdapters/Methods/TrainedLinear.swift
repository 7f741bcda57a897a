public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTTensor

/// A linear layer that is trained whole, in the place of the frozen one: peft's `modules_to_save`.
///
/// - Memory: the weight as float32, its gradient and the optimizer's moments; keeps `x` (shared) until backward.
public struct TrainedLinear: LinearAdapter {
  /// The weight [outputs, inputs].
  public let weight: Parameter
  /// The bias [outputs], if the layer has one.
  public let bias: Parameter?

  /// A copy of the frozen layer at `site`.
  public init(at site: LinearSite, base: FrozenLinear) {
    let rows = base.weight.rows((0..<base.weight.rows).map(Int32.init))
    weight = Parameter("\(site.prefix).weight", rows)
    bias = base.bias.map { Parameter("\(site.prefix).bias", $0.copied(in: .adapters)) }
  }

  /// Weight and bias.
  public var parameters: [Parameter] { [weight] + [bias].compactMap { $0 } }

  /// The trained layer's result.
  public func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable {
    let y = x.timesTransposed(Variable(weight, on: x.tape))
    return bias.map { y.adding(row: Variable($0, on: x.tape)) } ?? y
  }

  /// The trained rows.
  public func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? { weight.value.rows(range) }

  /// The trained bias.
  public func merged(bias: Tensor?) -> Tensor? { self.bias?.value }
}

/// A frozen linear layer whose bias is trained: peft's `bias: all` at a layer without an adapter.
public struct TrainedBias: LinearAdapter {
  /// The bias [outputs].
  public let bias: Parameter

  /// The layer's own bias to begin with.
  public init(_ bias: Tensor, at site: LinearSite) {
    self.bias = Parameter("\(site.prefix).bias", bias.copied(in: .adapters))
  }

  /// The bias.
  public var parameters: [Parameter] { [bias] }

  /// The frozen product and the trained bias.
  public func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable {
    x.multiplied(by: base.weight).adding(row: Variable(bias, on: x.tape))
  }

  /// The frozen rows.
  public func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? { rows }

  /// The trained bias.
  public func merged(bias: Tensor?) -> Tensor? { self.bias.value }
}
