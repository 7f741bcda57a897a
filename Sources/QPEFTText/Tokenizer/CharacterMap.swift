internal import Foundation
internal import QPEFTJSON

/// The character map of a SentencePiece model (`precompiled_charsmap`): a double-array trie of what is replaced, and the
/// texts it is replaced by.
///
/// The bytes come from a file: places outside of the arrays are no match.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  /// Texts in UTF-8, a NUL behind each.
  private let texts: [UInt8]

  /// Reads the map; nil if it is none.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 4 else { return nil }
    func unit(at offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
    let size = Int(unit(at: 0))
    guard size % 4 == 0, size > 0, size <= bytes.count - 4 else { return nil }
    units = stride(from: 4, to: 4 + size, by: 4).map(unit)
    texts = Array(bytes[(4 + size)...])
    guard texts.withUnsafeBufferPointer({ UTF8Validation.firstInvalid(in: $0) }) == nil else { return nil }
  }

  /// Reads a map as `tokenizer.json` writes it.
  init?(base64: String) {
    guard let data = Data(base64Encoded: base64) else { return nil }
    self.init(Array(data))
  }

  /// Bytes of the longest text that something is replaced by.
  var longestReplacement: Int { texts.split(separator: 0).lazy.map(\.count).max() ?? 0 }

  /// What a part of a text is replaced by; as the library does it, that of the shortest entry that the part begins with.
  private func replacement(of part: Slice<UnsafeBufferPointer<UInt8>>) -> ArraySlice<UInt8>? {
    var place = Self.offset(of: units[0])
    for byte in part {
      if byte == 0 { return nil }
      place ^= Int(byte)
      guard place < units.count, units[place] & 0x8000_00FF == UInt32(byte) else { return nil }
      let unit = units[place]
      place ^= Self.offset(of: unit)
      guard unit >> 8 & 1 == 1 else { continue }
      guard place < units.count else { return nil }
      let start = Int(units[place] & 0x7FFF_FFFF)
      guard start < texts.count, texts[start] & 0xC0 != 0x80, let end = texts[start...].firstIndex(of: 0) else {
        return nil
      }
      return texts[start..<end]
    }
    return nil
  }

  private static func offset(of unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }

  /// Replaces whole characters of less than six bytes, and single scalars of the others.
  func callAsFunction(_ text: MappedText) -> MappedText {
    var result = MappedText.Builder(like: text)
    text.bytes.withUnsafeBufferPointer { bytes in
      var position = 0
      while position < bytes.count {
        let end = GraphemeBreaks.end(of: bytes, from: position)
        if end - position < 6, let new = replacement(of: bytes[position..<end]) {
          result.append(Array(new), from: position, of: text)
        } else {
          while position < end {
            let length = UTF8Coding.scalar(at: position, in: bytes).length
            if let new = replacement(of: bytes[position..<position + length]) {
              result.append(Array(new), from: position, of: text)
            } else {
              result.copy(position..<position + length, of: text)
            }
            position += length
          }
        }
        position = end
      }
    }
    return result.finish(text)
  }
}
