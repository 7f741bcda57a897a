/// A call of a kernel that takes long, by what decides how long.
public enum KernelCall: Hashable, Sendable {
  /// `tokens` rows times the transpose of a frozen matrix `[rows, columns]`, or (`isTransposed`) times the matrix; `isBFloat16`: as
  /// `ProductArithmetic.bfloat16` has it.
  case product(
    storage: String, rows: Int, columns: Int, isTransposed: Bool, tokens: Int, isBFloat16: Bool = false)
  /// `[m, k] · [k, n]` of float32, each as it lies or transposed.
  case dense(m: Int, n: Int, k: Int, transposesA: Bool, transposesB: Bool)
  /// Causal attention of a document, or its backward; `isBFloat16` as above.
  case attention(
    heads: Int, keyValueHeads: Int, head: Int, tokens: Int, isBackward: Bool, isBFloat16: Bool = false)

  /// Multiplications and additions. Of attention, those of the pairs of rows that see each other.
  public var operations: Double {
    switch self {
    case .product(_, let rows, let columns, _, let tokens, _): 2 * Double(rows) * Double(columns) * Double(tokens)
    case .dense(let m, let n, let k, _, _): 2 * Double(m) * Double(n) * Double(k)
    case .attention(let heads, _, let head, let tokens, let isBackward, _):
      (isBackward ? 5 : 2) * Double(heads) * Double(head) * Double(tokens) * Double(tokens + 1)
    }
  }
}

/// What a piece of work is made of, counted by a dry run: enough to say how long it will take.
public struct StepWork: Hashable, Sendable {
  /// Calls of kernels, and how often each is made.
  public var calls: [KernelCall: Int] = [:]
  /// Bytes of all tensors made: what everything else, which does little arithmetic, writes and reads.
  public var tensorBytes = 0

  /// Nothing.
  public init() {}

  /// This work and `count` times what `other` has more.
  package func adding(_ count: Int, times other: StepWork) -> StepWork {
    var sum = self
    for (call, number) in other.calls { sum.calls[call, default: 0] += count * (number - calls[call, default: 0]) }
    sum.tensorBytes += count * (other.tensorBytes - tensorBytes)
    return sum
  }

  /// Multiplications and additions of all calls.
  public var operations: Double { calls.reduce(0) { $0 + $1.key.operations * Double($1.value) } }
}
