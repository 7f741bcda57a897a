internal import Foundation

/// Pages of 2 MiB for large arrays, where the system has them.
///
/// Kernels walk along many rows at once, each in pages of its own: in large pages the processor finds them sooner, and memory used for
/// the first time costs one fault instead of 512. Resident never becomes more than is mapped.
package enum HugePages {
  private static let byteCount = 2 << 20

  /// Asks for them in whatever whole pages lie in `memory`.
  package static func want(in memory: UnsafeMutableRawBufferPointer) {
    #if os(Linux)
      guard memory.count >= byteCount, let base = memory.baseAddress else { return }
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let start = base.alignedUp(toMultipleOf: page)
      madvise(start, (memory.count - (start - base)) / page * page, Int32(MADV_HUGEPAGE))
    #endif
  }
}
