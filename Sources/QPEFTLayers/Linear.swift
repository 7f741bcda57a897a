public import QPEFTAutodiff
public import QPEFTTensor

/// A frozen linear layer `x · Wᵀ + bias`.
public struct FrozenLinear: Sendable {
  /// `[output features, input features]`.
  public let weight: any FrozenMatrix
  /// `[output features]`, if the layer has one.
  public let bias: Tensor?

  /// A layer of a frozen weight and maybe a bias.
  public init(weight: any FrozenMatrix, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }

  /// `x · Wᵀ + bias`: [n, columns] to [n, rows].
  public func callAsFunction(_ x: Variable) -> Variable { x.multiplied(by: weight, bias: bias) }
}

/// A place in a model where an adapter may sit: a linear layer by its Hugging Face module path.
public struct LinearSite: Hashable, Sendable {
  /// Module path, for example `model.layers.0.self_attn.q_proj`.
  public let name: String
  /// Output and input features.
  public let rows, columns: Int

  /// A site by module path and size.
  public init(name: String, rows: Int, columns: Int) {
    self.name = name
    self.rows = rows
    self.columns = columns
  }
}

/// A trained change of one linear layer. It is composed with the frozen layer and cannot tell how that one stores its weight.
public protocol LinearAdapter {
  /// What is trained, named by the keys of the adapter file.
  var parameters: [Parameter] { get }
  /// The adapted layer's result for `x` [n, columns]: [n, rows].
  func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable
  /// Rows `range` of the weight that the adapted layer has in effect, given the same rows of the frozen weight, decoded
  /// ([range.count, columns]). Nil where no weight expresses the change: such an adapter cannot be merged.
  func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor?
  /// The bias that the adapted layer has in effect, given the frozen one; nil for none.
  func merged(bias: Tensor?) -> Tensor?
}

extension LinearAdapter {
  /// Nil: an adapter that does not say how it is merged cannot be.
  public func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? { nil }
  /// The frozen bias, unchanged.
  public func merged(bias: Tensor?) -> Tensor? { bias }
}

/// Decides which site gets which adapter; nil leaves the layer as it is.
public typealias AdapterChoice = (LinearSite, FrozenLinear) throws -> (any LinearAdapter)?

/// A frozen linear layer with the adapter that sits on it, if any.
public struct AdaptedLinear {
  /// Where in the model this layer is.
  public let site: LinearSite
  /// The frozen layer.
  public let base: FrozenLinear
  /// The trained change.
  public let adapter: (any LinearAdapter)?

  /// A layer at a site, with the adapter that `choice` gives it.
  public init(_ base: FrozenLinear, at name: String, choice: AdapterChoice) throws {
    site = LinearSite(name: name, rows: base.weight.rows, columns: base.weight.columns)
    self.base = base
    adapter = try choice(site, base)
  }

  /// The layer's result for `x` [n, columns].
  public func callAsFunction(_ x: Variable) -> Variable { adapter?(x, base: base) ?? base(x) }
}
