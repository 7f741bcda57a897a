internal import CQPKernels

extension KernelSet {
  /// Runs `body` with the set of that name on this thread alone: for tests and comparisons, which run beside other work.
  /// Does nothing and returns nil if this processor does not support the set.
  package static func with<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result? {
    let outer = qp_overriding_kernel_set()
    guard qp_override_kernel_set(name) == 0 else { return nil }
    defer { _ = qp_override_kernel_set(outer) }
    return try body()
  }
}
