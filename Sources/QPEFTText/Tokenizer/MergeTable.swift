/// What two neighbouring tokens merge to, and how early.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    var rank: UInt32
    var id: Int32
  }

  private var keys: [UInt64]
  private var merges: [Merge]
  private var count = 0
  private var mask: Int
  private static let empty = UInt64.max

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    keys = Array(repeating: Self.empty, count: size)
    merges = Array(repeating: Merge(rank: .max, id: -1), count: size)
    mask = size - 1
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    var hash = key &* 0x9E37_79B9_7F4A_7C15
    hash ^= hash >> 32
    var slot = Int(truncatingIfNeeded: hash) & mask
    while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & mask }
    return slot
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The merge of a pair; its rank is `UInt32.max` where there is none.
  @inline(__always)
  subscript(_ left: Int32, _ right: Int32) -> Merge { merges[slot(of: Self.key(left, right))] }

  /// Sets the merge of a pair; of a pair that a file repeats, the last rank holds.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let slot = slot(of: Self.key(left, right))
    if keys[slot] == Self.empty { count += 1 }
    keys[slot] = Self.key(left, right)
    merges[slot] = merge
    precondition(count * 2 <= keys.count, "more merges than the table was made for")
  }
}
