/// A hash table from byte strings to ids, in a few flat arrays.
///
/// Vocabularies have up to some hundred thousand short entries that are looked up once per word: no string objects,
/// no string hashing, and equality is that of bytes.
struct ByteTable: Sendable {
  private var bytes: [UInt8] = []
  /// Where entry `i` starts in `bytes`; one more at the end.
  private var starts: [UInt32] = [0]
  private var values: [Int32] = []
  /// Entry index + 1, 0 for an empty slot.
  private var slots: [UInt32]
  private var mask: Int

  init(capacity: Int = 16) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: 0, count: size)
    mask = size - 1
  }

  var count: Int { values.count }

  @inline(__always)
  static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: key.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = UnsafeRawBufferPointer(key)
    var offset = 0
    while offset + 8 <= raw.count {
      hash = (hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0xFF51_AFD7_ED55_8CCD
      hash ^= hash >> 32
      offset += 8
    }
    var tail: UInt64 = 0
    while offset < raw.count {
      tail = tail << 8 | UInt64(raw[offset])
      offset += 1
    }
    hash = (hash ^ tail) &* 0xFF51_AFD7_ED55_8CCD
    return hash ^ hash >> 29
  }

  /// Index of the entry with this key, or -1.
  @inline(__always)
  func entry(_ key: UnsafeBufferPointer<UInt8>) -> Int {
    entry(key, hash: Self.hash(key))
  }

  @inline(__always)
  func entry(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let entry = Int(slots[slot]) - 1
      if isKey(entry, key) { return entry }
      slot = (slot + 1) & mask
    }
    return -1
  }

  @inline(__always)
  private func isKey(_ entry: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = Int(starts[entry])
    guard Int(starts[entry + 1]) - start == key.count else { return false }
    for index in 0..<key.count where bytes[start + index] != key[index] { return false }
    return true
  }

  /// The value of a key.
  @inline(__always)
  subscript(_ key: UnsafeBufferPointer<UInt8>) -> Int32? {
    let entry = entry(key)
    return entry < 0 ? nil : values[entry]
  }

  subscript(_ key: [UInt8]) -> Int32? { key.withUnsafeBufferPointer { self[$0] } }

  subscript(_ key: String) -> Int32? {
    var key = key
    return key.withUTF8 { self[$0] }
  }

  func value(at entry: Int) -> Int32 { values[entry] }

  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, _ value: Int32) {
    let known = entry(key)
    if known >= 0 {
      values[known] = value
      return
    }
    bytes.append(contentsOf: key)
    starts.append(UInt32(bytes.count))
    values.append(value)
    if values.count * 2 > slots.count { grow() } else { place(values.count - 1, Self.hash(key)) }
  }

  mutating func insert(_ key: String, _ value: Int32) {
    var key = key
    key.withUTF8 { insert($0, value) }
  }

  mutating func insert(_ key: [UInt8], _ value: Int32) {
    key.withUnsafeBufferPointer { insert($0, value) }
  }

  private mutating func place(_ entry: Int, _ hash: UInt64) {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(entry + 1)
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: slots.count * 2)
    mask = slots.count - 1
    for entry in 0..<values.count {
      let range = Int(starts[entry])..<Int(starts[entry + 1])
      let hash = bytes.withUnsafeBufferPointer { Self.hash(UnsafeBufferPointer(rebasing: $0[range])) }
      place(entry, hash)
    }
  }
}
