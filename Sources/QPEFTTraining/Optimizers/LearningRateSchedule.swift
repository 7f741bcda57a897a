internal import Foundation

/// How the learning rate changes over a run.
///
/// - Source: `get_constant_schedule_with_warmup`, `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup` of
///   transformers. The first update of a warm-up has learning rate 0, as there.
public enum LearningRateSchedule: String, Hashable, Sendable, Codable, CaseIterable {
  /// The same from the end of the warm-up on.
  case constant
  /// Down to 0 in a straight line.
  case linear
  /// Down to 0 along half a cosine.
  case cosine

  /// What the learning rate is multiplied by in update number `step`, counted from 0, of `total` updates.
  public func factor(step: Int, warmup: Int, total: Int) -> Double {
    if step < warmup { return Double(step) / Double(max(1, warmup)) }
    let rest = Double(max(1, total - warmup))
    switch self {
    case .constant: return 1
    case .linear: return max(0, Double(total - step) / rest)
    case .cosine: return max(0, 0.5 * (1 + cos(Double.pi * Double(step - warmup) / rest)))
    }
  }
}
