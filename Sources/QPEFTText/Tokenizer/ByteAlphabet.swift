/// The printable characters by which byte-level vocabularies write bytes (GPT-2's `bytes_to_unicode`).
enum ByteAlphabet {
  /// The scalar for each byte.
  static let scalars: [UInt32] = {
    var scalars = [UInt32](repeating: 0, count: 256)
    var next: UInt32 = 256
    for byte in 0..<256 {
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: scalars[byte] = UInt32(byte)
      default:
        scalars[byte] = next
        next += 1
      }
    }
    return scalars
  }()

  /// The byte + 1 for each scalar below 324; 0 for a scalar that stands for none.
  private static let bytes: [UInt16] = {
    var bytes = [UInt16](repeating: 0, count: 324)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt16(byte + 1) }
    return bytes
  }()

  /// The bytes that a token's text stands for; nil if a character of it stands for none.
  static func bytes(of token: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      guard scalar.value < 324, bytes[Int(scalar.value)] != 0 else { return nil }
      result.append(UInt8(bytes[Int(scalar.value)] - 1))
    }
    return result
  }

  /// The text that stands for one byte.
  static func text(of byte: UInt8) -> [UInt8] {
    var text: [UInt8] = []
    UTF8Coding.append(scalars[Int(byte)], to: &text)
    return text
  }
}
