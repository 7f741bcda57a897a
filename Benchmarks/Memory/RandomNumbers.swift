/// A stream of random bytes, much faster than a disk.
struct RandomNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  /// Fills whole words of `bytes` (a multiple of 8 of them).
  mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
    for word in bytes.bindMemory(to: UInt64.self).indices {
      bytes.storeBytes(of: next(), toByteOffset: 8 * word, as: UInt64.self)
    }
  }

  /// The same as bfloat16 numbers of a size near `1 / 64`: random signs and mantissas.
  mutating func fillBFloats(_ bytes: UnsafeMutableRawBufferPointer) {
    for word in 0..<(bytes.count / 8) {
      let bits = next() & 0x807F_807F_807F_807F | 0x3C80_3C80_3C80_3C80
      bytes.storeBytes(of: bits, toByteOffset: 8 * word, as: UInt64.self)
    }
  }
}
