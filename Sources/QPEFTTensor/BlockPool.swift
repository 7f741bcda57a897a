internal import Foundation

/// Memory that has one owner at a time: a tensor, or the pool.
struct MemoryBlock: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer
}

/// Large blocks of memory straight from the system, and a few freed ones kept for the next tensor of about that size.
///
/// Training frees and takes the same sizes over and over. The general allocator answers that with a heap full of holes or a page
/// fault for every page. Freed blocks are kept only as long as they and what is in use stay below what was in use at most
/// (plus `slack`), so the pool does not raise the peak.
struct BlockPool {
  /// Smaller blocks come from the general allocator.
  static let smallest = 1 << 16
  /// Bytes that may be kept free in any case.
  static let slack = 24 << 20

  private var kept: [MemoryBlock] = []
  private var keptBytes = 0

  /// A block of at least `byteCount` bytes, aligned to a page; nil if the system has none. `limit`: bytes that may be kept.
  mutating func take(_ byteCount: Int, limit: Int) -> MemoryBlock? {
    let most = byteCount + byteCount / 8 + Self.page
    if let index = kept.lastIndex(where: { $0.bytes.count >= byteCount && $0.bytes.count <= most }) {
      let block = kept.remove(at: index)
      keptBytes -= block.bytes.count
      return block
    }
    trim(to: limit)
    let rounded = (byteCount + Self.page - 1) / Self.page * Self.page
    let address = mmap(nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else { return nil }
    return MemoryBlock(bytes: UnsafeMutableRawBufferPointer(start: address, count: rounded))
  }

  /// Gives a block back. `limit`: bytes that may be kept.
  mutating func put(_ block: MemoryBlock, limit: Int) {
    kept.append(block)
    keptBytes += block.bytes.count
    trim(to: limit)
  }

  /// The oldest of the kept blocks go back to the system.
  private mutating func trim(to limit: Int) {
    var count = 0
    while keptBytes > max(limit, Self.slack), count < kept.count {
      keptBytes -= kept[count].bytes.count
      munmap(kept[count].bytes.baseAddress, kept[count].bytes.count)
      count += 1
    }
    kept.removeFirst(count)
  }

  /// Gives everything that is kept back to the system.
  mutating func empty() {
    for block in kept { munmap(block.bytes.baseAddress, block.bytes.count) }
    kept = []
    keptBytes = 0
  }

  private static let page = 4096
}
