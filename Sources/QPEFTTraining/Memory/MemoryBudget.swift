/// How much memory a run may take.
enum MemoryBudget {
  /// What the machine has free, with what this process holds already, less a margin; swap is never counted. Nil where the
  /// system does not say.
  static var standard: Int? {
    guard let available = ProcessMemory.available, let own = ProcessMemory.current else { return nil }
    return available + own - max(256 << 20, available / 16)
  }

  /// Resident bytes that a process comes to have after its plan, outside of tensors: pages of code that kernels touch first in a
  /// step, threads' stacks, buffers of the linear algebra library. Measured: Docs/MemoryModel.md.
  static let growth = 8 << 20
}
