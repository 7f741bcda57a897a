/// What a block keeps from forward to backward; the rest is computed a second time. The fastest comes first.
public enum RecomputePolicy: String, Hashable, Sendable, Codable, CaseIterable {
  /// Everything that backward needs.
  case keepAll = "none"
  /// Results of matrix products and of attention; norms, gated units and dropout run again.
  case keepProducts = "products"
  /// The block's input alone; the block runs again.
  case blockInput = "block"
  /// The block's input, rounded to bfloat16: gradients are those of a slightly different input.
  case blockInputBF16 = "bf16"
  /// The block's input, in a file.
  case blockInputOnDisk = "disk"
}

/// The policies of all blocks: the last ones may keep more than those below, because their memory is free again before the
/// blocks below run a second time.
public struct RecomputePlan: Hashable, Sendable, Codable {
  /// Policy of the blocks below.
  public var lower: RecomputePolicy
  /// Policy of the last blocks, and how many they are.
  public var upper: RecomputePolicy
  /// See `upper`.
  public var upperCount: Int

  /// One policy for all blocks, or another for the last `upperCount`.
  public init(_ lower: RecomputePolicy, last upperCount: Int = 0, _ upper: RecomputePolicy? = nil) {
    self.lower = lower
    self.upper = upper ?? lower
    self.upperCount = upperCount
  }

  /// Policy of block `index` of `count`.
  public func policy(ofBlock index: Int, of count: Int) -> RecomputePolicy {
    index >= count - upperCount ? upper : lower
  }

  /// Whether a block's input goes to a file.
  public var usesFile: Bool { lower == .blockInputOnDisk || (upperCount > 0 && upper == .blockInputOnDisk) }
}
