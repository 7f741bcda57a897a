internal import Foundation
public import QPEFTAutodiff
internal import QPEFTTensor

/// Rotary position embedding: the angular velocity of every pair of a head, and what scaling makes of it.
///
/// - Source: `modeling_rope_utils.py` of transformers; the same float32 steps in the same order.
public struct RotaryEmbedding: Sendable {
  /// How velocities are changed for contexts longer than the model was trained on.
  public enum Scaling: Hashable, Sendable {
    /// As trained.
    case none
    /// All velocities divided by `factor`.
    case linear(factor: Float)
    /// Llama 3.1: slow pairs divided by `factor`, fast ones kept, a smooth passage between.
    case llama3(factor: Float, lowFrequency: Float, highFrequency: Float, originalContext: Float)
  }

  /// Radians a position, one for each pair: `[head / 2]`.
  public let velocities: [Float]

  /// Velocities `theta^(−2i / head)`, scaled. `head` is even.
  public init(head: Int, theta: Float, scaling: Scaling = .none) {
    velocities = (0..<(head / 2)).map { pair in
      let velocity = 1 / powf(theta, Float(2 * pair) / Float(head))
      return Self.scale(velocity, scaling)
    }
  }

  private static func scale(_ velocity: Float, _ scaling: Scaling) -> Float {
    switch scaling {
    case .none: return velocity
    case .linear(let factor): return velocity / factor
    case .llama3(let factor, let low, let high, let context):
      let wavelength = 2 * Float.pi / velocity
      if wavelength > context / low { return velocity / factor }
      if wavelength < context / high { return velocity }
      let smooth = (context / wavelength - low) / (high - low)
      return (1 - smooth) * velocity / factor + smooth * velocity
    }
  }

  /// Cosines and sines for rows at these positions.
  public func table(positions: [Int32]) -> RotationTable {
    let angles = positions.lazy.map { position in velocities.map { Float(position) * $0 } }.joined()
    let shape: Shape = [positions.count, velocities.count]
    let flat = Array(angles)
    return RotationTable(
      cosine: Tensor(shape, flat.map { cosf($0) }, in: .workspace),
      sine: Tensor(shape, flat.map { sinf($0) }, in: .workspace))
  }
}
