internal import Foundation
internal import QPEFTKernels

/// Memory that has one owner at a time: a tensor, or the pool. A phantom's block has a size and no address.
struct MemoryBlock: @unchecked Sendable {
  let address: UnsafeMutableRawPointer?
  let byteCount: Int
}

/// Large blocks of memory straight from the system, and a few freed ones kept for the next tensor of about that size.
///
/// Training frees and takes the same sizes over and over. The general allocator answers that with a heap full of holes or a page
/// fault for every page. The oldest of the kept blocks go back to the system first.
struct BlockPool {
  /// Smaller blocks come from the general allocator.
  static let smallest = 1 << 16
  /// Bytes that may be kept free in any case.
  static let slack = 8 << 20

  private var kept: [MemoryBlock] = []
  private var keptByteCount = 0
  /// Bytes of the blocks that tensors have.
  private(set) var usedByteCount = 0

  /// Bytes of all blocks, used and kept.
  var byteCount: Int { usedByteCount + keptByteCount }

  /// A block of at least `byteCount` bytes, aligned to a page. `limit`: bytes that may stay kept; `room`: bytes of all blocks at
  /// most. Nil if there is no room or the system has no memory.
  mutating func take(_ byteCount: Int, keeping limit: Int, room: Int, isPhantom: Bool) -> MemoryBlock? {
    let rounded = Self.wholePages(byteCount)
    let most = rounded + byteCount / 8
    if let index = kept.lastIndex(where: { $0.byteCount >= byteCount && $0.byteCount <= most }),
      usedByteCount + rounded <= room
    {
      // What is too much goes back at once: a tensor that lives long must not hold more than its pages.
      let block = kept.remove(at: index)
      Self.unmap(block, from: rounded)
      keptByteCount -= block.byteCount
      usedByteCount += rounded
      return MemoryBlock(address: block.address, byteCount: rounded)
    }
    guard usedByteCount + rounded <= room else { return nil }
    trim(to: min(limit, room - usedByteCount - rounded))
    var address: UnsafeMutableRawPointer?
    if !isPhantom {
      address = mmap(nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let address, address != MAP_FAILED else { return nil }
      HugePages.want(in: UnsafeMutableRawBufferPointer(start: address, count: rounded))
    }
    usedByteCount += rounded
    return MemoryBlock(address: address, byteCount: rounded)
  }

  /// Gives a block back. `limit`: bytes that may be kept.
  mutating func put(_ block: MemoryBlock, keeping limit: Int) {
    kept.append(block)
    keptByteCount += block.byteCount
    usedByteCount -= block.byteCount
    trim(to: limit)
  }

  /// The oldest of the kept blocks go back to the system.
  mutating func trim(to limit: Int) {
    var count = 0
    while keptByteCount > limit, count < kept.count {
      keptByteCount -= kept[count].byteCount
      Self.unmap(kept[count])
      count += 1
    }
    kept.removeFirst(count)
  }

  /// Gives everything that is kept back to the system.
  mutating func empty() {
    kept.forEach { Self.unmap($0) }
    kept = []
    keptByteCount = 0
  }

  /// Gives the pages from offset `start` on back.
  private static func unmap(_ block: MemoryBlock, from start: Int = 0) {
    if let address = block.address, start < block.byteCount { munmap(address + start, block.byteCount - start) }
  }

  /// Whether the system would give that many bytes now.
  static func canMap(_ byteCount: Int) -> Bool {
    guard byteCount > 0 else { return true }
    guard let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      address != MAP_FAILED
    else { return false }
    munmap(address, byteCount)
    return true
  }

  /// `byteCount` in whole pages.
  static func wholePages(_ byteCount: Int) -> Int { (byteCount + page - 1) / page * page }

  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
}
