/// What two neighbouring tokens merge to, and how early.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    var rank: UInt32
    var id: Int32
  }

  private var keys: FlatKeys
  private var merges: [Merge]
  private var count = 0

  init(capacity: Int) {
    keys = FlatKeys(capacity: capacity)
    merges = Array(repeating: Merge(rank: .max, id: -1), count: keys.count)
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The merge of a pair; its rank is `UInt32.max` where there is none.
  @inline(__always)
  subscript(_ left: Int32, _ right: Int32) -> Merge { merges[keys.slot(of: Self.key(left, right))] }

  /// Sets the merge of a pair; of a pair that a file repeats, the last rank holds.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let slot = keys.slot(of: Self.key(left, right))
    if keys[slot] == FlatKeys.empty { count += 1 }
    keys[slot] = Self.key(left, right)
    merges[slot] = merge
    precondition(count * 2 <= keys.count, "more merges than the table was made for")
  }
}
