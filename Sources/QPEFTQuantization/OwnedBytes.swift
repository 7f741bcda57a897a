internal import QPEFTTensor

/// Bytes in memory that never change, aligned to 64.
///
/// `@unchecked Sendable`: written in `init` alone.
package final class OwnedBytes: @unchecked Sendable {
  /// All bytes; valid as long as the object lives.
  package let bytes: UnsafeRawBufferPointer
  private let memory: UnsafeMutableRawBufferPointer

  /// `count` bytes that `body` writes.
  package init(count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
    memory = .allocate(byteCount: max(1, count), alignment: 64)
    let memory = UnsafeMutableRawBufferPointer(rebasing: self.memory[..<count])
    bytes = UnsafeRawBufferPointer(memory)
    do { try body(memory) } catch {
      self.memory.deallocate()
      throw error
    }
  }

  /// A copy.
  package convenience init(copying source: UnsafeRawBufferPointer) {
    self.init(count: source.count) { $0.copyMemory(from: source) }
  }

  deinit { memory.deallocate() }
}

/// Several owners as one.
package final class Owners: PageKeeper {
  private let all: [any AnyObject & Sendable]
  package init(_ all: [any AnyObject & Sendable]) { self.all = all }

  // Each keeper leaves alone what is not in its file; several parts often lie in one file, which then does it once.
  package func release(_ bytes: UnsafeRawBufferPointer) { files.forEach { $0.release(bytes) } }

  package func prefetch(_ bytes: UnsafeRawBufferPointer) { files.forEach { $0.prefetch(bytes) } }

  private var files: [any PageKeeper] {
    var files: [any PageKeeper] = []
    for keeper in all.lazy.compactMap({ $0 as? any PageKeeper }) where !files.contains(where: { $0 === keeper }) {
      files.append(keeper)
    }
    return files
  }
}
