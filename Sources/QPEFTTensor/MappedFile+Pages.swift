internal import Foundation

/// Something that keeps bytes alive of which the system may hold or drop pages.
package protocol PageKeeper: AnyObject, Sendable {
  /// Tells the system that `bytes` are not needed for now; they are read from disk again when used. Bytes that are not mapped
  /// from a file are left alone.
  func release(_ bytes: UnsafeRawBufferPointer)
  /// Tells the system that `bytes` will be needed soon; it reads them in the background.
  func prefetch(_ bytes: UnsafeRawBufferPointer)
}

extension MappedFile: PageKeeper {
  /// Tells the system that the pages of a range are not needed for now; they come back from disk when read.
  public func release(_ range: Range<Int>) {
    // Inner pages alone: those at the edges may hold bytes of a neighbour.
    advise(range, MADV_DONTNEED, isInner: true)
  }

  package func release(_ bytes: UnsafeRawBufferPointer) { place(bytes).map { release($0) } }

  package func prefetch(_ bytes: UnsafeRawBufferPointer) {
    place(bytes).map { advise($0, MADV_WILLNEED, isInner: false) }
  }

  /// Where in the file these bytes are; nil if they are elsewhere.
  private func place(_ range: UnsafeRawBufferPointer) -> Range<Int>? {
    guard let base = bytes.baseAddress, let start = range.baseAddress, start >= base,
      start + range.count <= base + bytes.count
    else { return nil }
    return (start - base)..<(start - base + range.count)
  }

  private func advise(_ range: Range<Int>, _ advice: CInt, isInner: Bool) {
    guard let address = bytes.baseAddress, range.lowerBound >= 0, range.upperBound <= bytes.count else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (range.lowerBound + (isInner ? page - 1 : 0)) / page * page
    let last = range.upperBound / page * page
    guard last > first else { return }
    madvise(UnsafeMutableRawPointer(mutating: address + first), last - first, advice)
  }
}
