/// A change by which a run that does not fit would fit.
public enum MemoryRelief: Hashable, Sendable, CustomStringConvertible {
  /// Rows of at most so many tokens.
  case shorterRows(tokens: Int)
  /// Adapters of at most this part of their size now, in percent.
  case smallerRank(percent: Int)
  /// At most so many bytes of the weights resident.
  case streamedWeights(bytes: Int)
  /// At least so many bytes of budget.
  case largerBudget(bytes: Int)

  /// For example `rows of at most 512 tokens`.
  public var description: String {
    switch self {
    case .shorterRows(let tokens): "rows of at most \(tokens) tokens (--max-length)"
    case .smallerRank(let percent): "a rank of at most \(percent) % of this one (--rank)"
    case .streamedWeights(let bytes): "at most \(bytes >> 20) MiB of resident weights (--resident-weights)"
    case .largerBudget(let bytes): "a budget of \((bytes >> 20) + 1) MiB (--memory-budget)"
    }
  }
}
