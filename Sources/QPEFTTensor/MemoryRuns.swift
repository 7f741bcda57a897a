/// Runs of free memory in the order of their places; neighbours are one.
struct MemoryRuns {
  private var runs: [(start: UInt, byteCount: Int)] = []
  /// Bytes of all.
  private(set) var byteCount = 0

  /// Adds a run, which is not in any other.
  mutating func insert(_ start: UInt, _ count: Int) {
    byteCount += count
    var (start, end) = (start, start + UInt(count))
    var index = firstIndex(from: start)
    if index < runs.count, runs[index].start == end { end += UInt(runs.remove(at: index).byteCount) }
    if index > 0, runs[index - 1].start + UInt(runs[index - 1].byteCount) == start {
      index -= 1
      start = runs.remove(at: index).start
    }
    runs.insert((start, Int(end - start)), at: index)
  }

  /// The upper end of the smallest run that has that many bytes.
  mutating func take(_ count: Int) -> UInt? {
    var best: Int?
    for index in runs.indices where runs[index].byteCount >= count {
      if best.map({ runs[index].byteCount < runs[$0].byteCount }) ?? true { best = index }
    }
    guard let best else { return nil }
    byteCount -= count
    runs[best].byteCount -= count
    let start = runs[best].start + UInt(runs[best].byteCount)
    if runs[best].byteCount == 0 { runs.remove(at: best) }
    return start
  }

  /// The size of the run that begins there, which is taken out.
  mutating func remove(from start: UInt) -> Int? {
    let index = firstIndex(from: start)
    guard index < runs.count, runs[index].start == start else { return nil }
    byteCount -= runs[index].byteCount
    return runs.remove(at: index).byteCount
  }

  /// The lower end of the lowest run. There must be one.
  mutating func removeLowest(atMost count: Int) -> (start: UInt, byteCount: Int) {
    let (start, count) = (runs[0].start, min(count, runs[0].byteCount))
    byteCount -= count
    runs[0].start += UInt(count)
    runs[0].byteCount -= count
    if runs[0].byteCount == 0 { runs.removeFirst() }
    return (start, count)
  }

  /// Of the first run that begins there or above.
  private func firstIndex(from start: UInt) -> Int {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].start < start { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
