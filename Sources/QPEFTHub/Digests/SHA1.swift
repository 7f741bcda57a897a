/// SHA-1 of bytes that come piece by piece: git's names of files, not a protection. Source: FIPS 180-4.
struct SHA1: Digest {
  private var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
  private var words = [UInt32](repeating: 0, count: 80)

  mutating func process(_ block: UnsafeRawBufferPointer) {
    for i in 0..<16 { words[i] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)) }
    for i in 16..<80 { words[i] = Self.rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 31) }
    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for i in 0..<80 {
      let (f, constant): (UInt32, UInt32) =
        switch i {
        case ..<20: (b & c | ~b & d, 0x5a82_7999)
        case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
        case ..<60: (b & c | b & d | c & d, 0x8f1b_bcdc)
        default: (b ^ c ^ d, 0xca62_c1d6)
        }
      let next = Self.rotated(a, 27) &+ f &+ e &+ constant &+ words[i]
      (e, d, c, b, a) = (d, c, Self.rotated(b, 2), a, next)
    }
    for (i, value) in [a, b, c, d, e].enumerated() { state[i] &+= value }
  }

  var hex: String { state.map(Self.hex).joined() }
}
