internal import Foundation
internal import QPEFTKernels

/// Memory that has one owner at a time: a tensor, or the pool. A phantom's block has a place and a size, and no memory.
struct MemoryBlock: @unchecked Sendable {
  fileprivate let start: UInt
  let byteCount: Int
  fileprivate let isPhantom: Bool

  /// Nil for a phantom.
  var address: UnsafeMutableRawPointer? { isPhantom ? nil : UnsafeMutableRawPointer(bitPattern: start) }
}

/// Large blocks of memory straight from the system, and what was freed of them, kept for the next tensors.
///
/// Training frees and takes memory over and over, in sizes that change with the length of rows. The general allocator answers that with a
/// heap full of holes or a page fault for every page. Here it grows downwards, block below block: freed neighbours become one, and a
/// tensor takes the upper end of the smallest run of memory that is large enough. What must go back to the system goes from the lower
/// end. A dry run, whose phantoms have places too, finds the same runs.
struct BlockPool {
  /// Smaller blocks come from the general allocator.
  static let smallest = 1 << 16
  /// Bytes that may be kept free in any case.
  static let slack = 8 << 20

  private var kept = MemoryRuns()
  /// The lowest place so far; nil: none.
  private var edge: UInt?
  /// Whether the places are those of a dry run.
  private var isDry = false
  /// Bytes of the blocks that tensors have.
  private(set) var usedByteCount = 0

  /// Bytes of all blocks, used and kept.
  var byteCount: Int { usedByteCount + kept.byteCount }

  /// A block of at least `byteCount` bytes, aligned to a page. `limit`: bytes that may stay kept; `room`: bytes of all blocks at
  /// most. Nil if there is no room or the system has no memory.
  mutating func take(_ byteCount: Int, keeping limit: Int, room: Int, isPhantom: Bool) -> MemoryBlock? {
    let rounded = Self.wholePages(byteCount)
    guard usedByteCount + rounded <= room else { return nil }
    guard let start = place(rounded, keeping: min(limit, room - usedByteCount - rounded), isPhantom: isPhantom) else {
      return nil
    }
    usedByteCount += rounded
    return MemoryBlock(start: start, byteCount: rounded, isPhantom: isPhantom)
  }

  /// Gives a block back. `limit`: bytes that may be kept.
  mutating func put(_ block: MemoryBlock, keeping limit: Int) {
    usedByteCount -= block.byteCount
    if block.isPhantom == isDry { kept.insert(block.start, block.byteCount) }
    trim(to: limit)
  }

  /// The lowest kept bytes go back to the system.
  mutating func trim(to limit: Int) {
    while kept.byteCount > max(0, limit) {
      let (start, count) = kept.removeLowest(atMost: Self.wholePages(kept.byteCount - max(0, limit)))
      unmap(start, count)
      if start == edge { edge = start + UInt(count) }
    }
  }

  /// Gives everything that is kept back to the system.
  mutating func empty() { trim(to: 0) }

  /// Where that many bytes are, a number of whole pages: kept ones, or new ones below all others, with what is kept there.
  private mutating func place(_ byteCount: Int, keeping limit: Int, isPhantom: Bool) -> UInt? {
    if isPhantom != isDry {
      // Of what follows on memory that was refused only the size counts; and a place of a dry run is nobody else's.
      guard edge == nil || isDry else { return 0 }
      (kept, edge, isDry) = (MemoryRuns(), nil, isPhantom)
    }
    if let start = kept.take(byteCount) { return start }
    // Below the edge, where the lowest bytes of the block may be kept already; elsewhere if something else is there.
    let lowest = edge.flatMap { kept.remove(from: $0) } ?? 0
    trim(to: limit)
    if let start = grow(by: byteCount - lowest) { return start }
    if lowest > 0, let edge { kept.insert(edge, lowest) }
    trim(to: limit)
    guard let start = isDry ? 1 << 46 : Self.mapApart(byteCount) else { return nil }
    edge = start
    return start
  }

  /// New memory right below the edge, if nothing else is there.
  private mutating func grow(by byteCount: Int) -> UInt? {
    guard let edge, edge > UInt(byteCount) else { return nil }
    let start = edge - UInt(byteCount)
    if !isDry {
      guard let found = Self.map(byteCount, at: start) else { return nil }
      guard found == start else {
        unmap(found, byteCount)
        return nil
      }
    }
    self.edge = start
    return start
  }

  /// Where there is much room below, from some gigabytes to four terabytes under the place that the system would choose: below that one it
  /// puts whatever the process maps next.
  private static func mapApart(_ byteCount: Int) -> UInt? {
    guard let start = map(byteCount) else { return nil }
    let distance = UInt.random(in: 1...256) << 34
    guard start > 2 * distance else { return start }
    munmap(UnsafeMutableRawPointer(bitPattern: start), byteCount)
    return map(byteCount, at: start - distance)
  }

  /// There, if nothing is there yet.
  private static func map(_ byteCount: Int, at start: UInt? = nil) -> UInt? {
    let wish = start.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
    guard let address = mmap(wish, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      address != MAP_FAILED
    else { return nil }
    HugePages.want(in: UnsafeMutableRawBufferPointer(start: address, count: byteCount))
    return UInt(bitPattern: address)
  }

  private func unmap(_ start: UInt, _ byteCount: Int) {
    if !isDry { munmap(UnsafeMutableRawPointer(bitPattern: start), byteCount) }
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
