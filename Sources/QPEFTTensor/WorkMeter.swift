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

  /// Calls so far.
  package var calls: [KernelCall: Int] { state.withLock { $0 } }
}
