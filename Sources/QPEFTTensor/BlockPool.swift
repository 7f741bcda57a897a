internal import Foundation

/// Memory that has one owner at a time: a tensor, or the pool.
struct MemoryBlock: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer
}

/// Large blocks of memory straight from the system, and a few freed ones kept for the next tensor of about that size.
///
/// Training frees and takes the same sizes over and over. The general allocator answers that with a heap full of holes or a page
/// fault for every page; this keeps what is resident close to what is in use (at most `keptLimit` more).
struct BlockPool {
  /// Smaller blocks come from the general allocator.
  static let smallest = 1 << 16
  /// Most bytes kept free.
  static let keptLimit = 24 << 20

  private var kept: [MemoryBlock] = []
  private var keptBytes = 0

  /// A block of at least `byteCount` bytes, aligned to a page; nil if the system has none.
  mutating func take(_ byteCount: Int) -> MemoryBlock? {
    let most = byteCount + byteCount / 8 + Self.page
    if let index = kept.lastIndex(where: { $0.bytes.count >= byteCount && $0.bytes.count <= most }) {
      let block = kept.remove(at: index)
      keptBytes -= block.bytes.count
      return block
    }
    let rounded = (byteCount + Self.page - 1) / Self.page * Self.page
    let address = mmap(nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else { return nil }
    return MemoryBlock(bytes: UnsafeMutableRawBufferPointer(start: address, count: rounded))
  }

  /// Gives a block back; the oldest of those kept go back to the system.
  mutating func put(_ block: MemoryBlock) {
    kept.append(block)
    keptBytes += block.bytes.count
    while keptBytes > Self.keptLimit {
      let oldest = kept.removeFirst()
      keptBytes -= oldest.bytes.count
      munmap(oldest.bytes.baseAddress, oldest.bytes.count)
    }
  }

  /// Gives everything that is kept back to the system.
  mutating func empty() {
    for block in kept { munmap(block.bytes.baseAddress, block.bytes.count) }
    kept = []
    keptBytes = 0
  }

  private static let page = 4096
}
