/// The twin of `Generator` in Fixtures/text/make_tokenizers.py: the same texts from the same seed.
struct TextGenerator {
  private var state: UInt64
  let segments: [String]

  init(seed: UInt64, segments: [String]) {
    state = seed
    self.segments = segments
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }

  mutating func scalar() -> Unicode.Scalar {
    let tops = [0x80, 0x80, 0x250, 0x600, 0x3000, 0x10000, 0x20000, 0x110000]
    let top = tops[below(8)]
    return Unicode.Scalar(UInt32(below(top))) ?? "a"
  }

  mutating func text() -> String {
    var text = String.UnicodeScalarView()
    for _ in 0..<1 + below(12) {
      if below(4) == 0 {
        for _ in 0..<1 + below(4) { text.append(scalar()) }
      } else {
        text.append(contentsOf: segments[below(segments.count)].unicodeScalars)
      }
    }
    return String(text)
  }
}

/// CRC-32 as zlib computes it.
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
  var crc = UInt32.max
  for byte in bytes { crc = crc >> 8 ^ crcTable[Int((crc ^ UInt32(byte)) & 0xFF)] }
  return ~crc
}

private let crcTable: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
}

/// The sixteen bits that the goldens keep of a text or of a row of ids.
func digest(_ bytes: some Sequence<UInt8>) -> UInt16 { UInt16(truncatingIfNeeded: crc32(bytes)) }

func digest(ids: [Int32]) -> UInt16 {
  ids.withUnsafeBytes { digest($0) }
}

/// Digests written as four hexadecimal digits each.
func digests(_ text: String) -> [UInt16] {
  let digits = Array(text.utf8)
  return stride(from: 0, to: digits.count, by: 4).map {
    UInt16(String(decoding: digits[$0..<$0 + 4], as: UTF8.self), radix: 16) ?? 0
  }
}
