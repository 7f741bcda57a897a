public import QPEFTTensor

/// A low-rank update of one linear layer, as files hold it: `W + scale · B · A`, and with a magnitude (DoRA) its rows brought to
/// that length.
public struct LowRankUpdate: Sendable {
  /// Module path, for example `model.layers.0.self_attn.q_proj`.
  public let module: String
  /// `[rank, inputs]`.
  public let a: Tensor
  /// `[outputs, rank]`.
  public let b: Tensor
  /// What the product is multiplied by.
  public let scale: Float
  /// `[outputs]`, for DoRA alone.
  public let magnitude: Tensor?

  /// An update of a layer.
  public init(module: String, a: Tensor, b: Tensor, scale: Float, magnitude: Tensor? = nil) {
    precondition(a.shape.rows == b.shape.columns, "ranks \(a.shape.rows) and \(b.shape.columns) do not fit")
    self.module = module
    self.a = a
    self.b = b
    self.scale = scale
    self.magnitude = magnitude
  }

  /// Rows of A.
  public var rank: Int { a.shape.rows }

  /// `B · (scale / other)`: with it, the update is that of the scale `other`.
  func b(forScale other: Float) -> Tensor { scale == other ? b : (scale / other) * b }
}
