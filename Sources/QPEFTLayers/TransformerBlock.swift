public import QPEFTAutodiff

/// A pre-norm block: attention and MLP, each with its norm before and its residual around.
public struct TransformerBlock {
  let attentionNorm, mlpNorm: RMSNorm
  /// Attention of this block.
  public let attention: SelfAttention
  /// MLP of this block.
  public let mlp: GatedMLP

  /// A block of its parts.
  public init(attentionNorm: RMSNorm, attention: SelfAttention, mlpNorm: RMSNorm, mlp: GatedMLP) {
    self.attentionNorm = attentionNorm
    self.attention = attention
    self.mlpNorm = mlpNorm
    self.mlp = mlp
  }

  /// Linear layers in the order of use.
  public var linears: [AdaptedLinear] {
    [attention.query, attention.key, attention.value, attention.output, mlp.gate, mlp.up, mlp.down]
  }

  /// Whether anything in it is trained.
  public var isTrained: Bool {
    attentionNorm.parameter != nil || mlpNorm.parameter != nil
      || linears.contains { $0.adapter?.parameters.isEmpty == false }
  }

  /// `x` [n, d] to [n, d].
  public func callAsFunction(_ x: Variable, _ pass: ForwardPass) -> Variable {
    let attended = x + attention(attentionNorm(x), pass)
    return attended + mlp(mlpNorm(attended))
  }
}
