public import QPEFTAutodiff

/// How a step is laid out in memory: what the planner chooses so that a run fits, and is as fast as it can be.
public struct StepLayout: Hashable, Sendable, Codable {
  /// What blocks keep for backward.
  public var recompute: RecomputePlan
  /// Rows computed at one time; a batch of more is split, and its gradients are summed.
  public var rows: Int
  /// Bytes of logits that head and loss hold at one time.
  public var logitsByteCount: Int

  /// A layout.
  public init(recompute: RecomputePlan, rows: Int, logitsByteCount: Int = Tape.standardLogitsByteCount) {
    self.recompute = recompute
    self.rows = rows
    self.logitsByteCount = logitsByteCount
  }
}
