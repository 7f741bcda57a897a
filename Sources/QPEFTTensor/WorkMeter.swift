package import QPEFTKernels
internal import Synchronization

/// Counts the calls of kernels that are made, or in a dry run would be made, in a task.
package final class WorkMeter: Sendable {
  /// The meter of this task; nil: nobody counts.
  @TaskLocal package static var current: WorkMeter?

  private let state = Mutex<[KernelCall: Int]>([:])

  /// A meter that stands at nothing.
  package init() {}

  /// Counts a call.
  package func add(_ call: KernelCall) { state.withLock { $0[call, default: 0] += 1 } }

  /// Counts a product, and the term as the dense product that it is.
  package func add(_ product: KernelCall, plus term: LowRankTerm?) {
    add(product)
    guard let term, case .product(_, let rows, let columns, let isTransposed, let tokens, _) = product else { return }
    add(
      .dense(
        m: tokens, n: isTransposed ? columns : rows, k: term.hidden.shape.columns, transposesA: false,
        transposesB: !isTransposed))
  }

  /// Calls so far.
  package var calls: [KernelCall: Int] { state.withLock { $0 } }
}
