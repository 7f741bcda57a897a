public import QPEFTAutodiff

/// `down(silu(gate(x)) · up(x))`.
public struct GatedMLP {
  /// The three projections.
  public let gate, up, down: AdaptedLinear

  /// A gated MLP of three projections.
  public init(gate: AdaptedLinear, up: AdaptedLinear, down: AdaptedLinear) {
    self.gate = gate
    self.up = up
    self.down = down
  }

  /// `x` [n, d] to [n, d].
  public func callAsFunction(_ x: Variable) -> Variable { down(gate(x).swiGLU(up: up(x))) }
}
