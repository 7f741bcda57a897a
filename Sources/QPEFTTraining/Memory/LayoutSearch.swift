internal import QPEFTAutodiff

/// Finds the fastest layout that fits. Each candidate is judged by `plan`, a dry run.
///
/// First the numbers of a run are left as they are: the policies that keep float32 give the same bits. Then logits are taken in
/// smaller chunks, then batches in fewer rows at a time, which sums the same gradients in another order.
struct LayoutSearch {
  /// A policy for all blocks, or nil: the fastest exact one that fits.
  let policy: RecomputePolicy?
  let blockCount: Int
  /// Sizes to try, the preferred first.
  let rows, logits: [Int]
  let fits: (MemoryPlan) -> Bool
  let plan: (StepLayout) throws(TrainingError) -> MemoryPlan

  /// From fast to small.
  private static let ladder: [RecomputePolicy] = [.keepAll, .keepProducts, .blockInput, .blockInputOnDisk]

  /// The fastest plan that fits, or else the smallest of all.
  func run() throws(TrainingError) -> MemoryPlan {
    var smallest: MemoryPlan?
    for rows in rows {
      for logits in logits {
        func layout(_ recompute: RecomputePlan) -> StepLayout {
          StepLayout(recompute: recompute, rows: rows, logitsByteCount: logits)
        }
        let least = try plan(layout(RecomputePlan(policy ?? .blockInputOnDisk)))
        if fits(least) { return policy == nil ? try fastest(layout) ?? least : least }
        if least.resident < smallest?.resident ?? .max { smallest = least }
      }
    }
    guard let smallest else { preconditionFailure("there is no layout to try") }
    return smallest
  }

  private func fastest(_ layout: (RecomputePlan) -> StepLayout) throws(TrainingError) -> MemoryPlan? {
    for (index, policy) in Self.ladder.enumerated() {
      let uniform = try plan(layout(RecomputePlan(policy)))
      guard fits(uniform) else { continue }
      guard index > 0 else { return uniform }
      // As many of the last blocks as fit keep what the next faster policy keeps.
      var (best, low, high) = (uniform, 0, blockCount)
      while high - low > 1 {
        let middle = (low + high) / 2
        let mixed = try plan(layout(RecomputePlan(policy, last: middle, Self.ladder[index - 1])))
        if fits(mixed) { (best, low) = (mixed, middle) } else { high = middle }
      }
      return best
    }
    return nil
  }
}
