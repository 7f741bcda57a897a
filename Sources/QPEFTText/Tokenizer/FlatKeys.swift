/// The keys of a flat hash table with open addressing, half of it empty: what both tables of the tokenizers look up.
struct FlatKeys: Sendable {
  /// No key is this.
  static let empty = UInt64.max

  private var keys: [UInt64]
  private let mask: Int

  /// Room for so many keys.
  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    keys = Array(repeating: Self.empty, count: size)
    mask = size - 1
  }

  /// Slots, half of which are for keys.
  var count: Int { keys.count }

  /// The key in a slot.
  @inline(__always)
  subscript(_ slot: Int) -> UInt64 {
    get { keys[slot] }
    set { keys[slot] = newValue }
  }

  /// Where a key is, or would be put.
  @inline(__always)
  func slot(of key: UInt64) -> Int {
    var hash = key &* 0x9E37_79B9_7F4A_7C15
    hash ^= hash >> 32
    var slot = Int(truncatingIfNeeded: hash) & mask
    while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & mask }
    return slot
  }
}
