internal import QPEFTJSON
/// One step on the way from tokens back to text.
enum TokenDecoder: Sendable {
  case byteLevel
  case replace(Pattern, [UInt8])
  case byteFallback
  case fuse
  case strip(content: UInt32, start: Int, stop: Int)
  case metaspace(replacement: UInt32, dropsFirst: Bool)
  case suffix([UInt8])
  /// Words apart, pieces with the prefix joined to what is before them.
  case wordPiece(prefix: String, cleansUp: Bool)

  func callAsFunction(_ tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel:
      let bytes = tokens.flatMap { ByteAlphabet.bytes(of: String(decoding: $0, as: UTF8.self)) ?? $0 }
      return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
    case .replace(let pattern, let content):
      return tokens.map { Normalizer.replace(pattern, content, in: MappedText(bytes: $0, base: 0)).bytes }
    case .byteFallback: return Self.joinBytes(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let content, let start, let stop):
      return tokens.map { Self.strip($0, content, start, stop) }
    case .metaspace(let replacement, let dropsFirst):
      return tokens.enumerated().map { index, token in
        var result: [UInt8] = []
        for scalar in UTF8Coding.scalars(of: token) {
          if scalar != replacement {
            UTF8Coding.append(scalar, to: &result)
          } else if index > 0 || !dropsFirst {
            result.append(0x20)
          }
        }
        return result
      }
    case .suffix(let suffix):
      return tokens.enumerated().map { index, token in
        let text = String(decoding: token, as: UTF8.self)
        let space = index == tokens.count - 1 ? "" : " "
        guard !suffix.isEmpty else { return token }
        return Array(text.split(separatedBy: suffix).joined(separator: space).utf8)
      }
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { index, token in
        var text = token
        if index > 0 {
          text = text.starts(with: prefix.utf8) ? Array(text.dropFirst(prefix.utf8.count)) : [0x20] + text
        }
        return cleansUp ? Self.cleanedUp(text) : text
      }
    }
  }

  /// Runs of `<0x..>` tokens become the text they spell, or one U+FFFD each if they spell none.
  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var pending: [UInt8] = []
    func flush() {
      if pending.isEmpty { return }
      if pending.withUnsafeBufferPointer({ UTF8Validation.firstInvalid(in: $0) }) == nil {
        result.append(pending)
      } else {
        result.append(contentsOf: repeatElement([0xEF, 0xBF, 0xBD], count: pending.count))
      }
      pending.removeAll()
    }
    for token in tokens {
      if let byte = byte(of: token) {
        pending.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  /// English punctuation and contractions without the spaces that stand before them.
  private static func cleanedUp(_ token: [UInt8]) -> [UInt8] {
    var text = String(decoding: token, as: UTF8.self)
    for (spaced, joined) in [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
      (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ] {
      text = text.split(separatedBy: Array(spaced.utf8)).joined(separator: joined)
    }
    return Array(text.utf8)
  }

  /// The byte that a token of the form `<0x0A>` stands for.
  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: [0x3C, 0x30, 0x78]), token[5] == 0x3E else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  private static func strip(_ token: [UInt8], _ content: UInt32, _ start: Int, _ stop: Int) -> [UInt8] {
    let scalars = UTF8Coding.scalars(of: token)
    var first = 0
    while first < min(start, scalars.count), scalars[first] == content { first += 1 }
    var last = scalars.count
    while last > first, scalars.count - last < stop, scalars[last - 1] == content { last -= 1 }
    var result: [UInt8] = []
    for scalar in scalars[first..<last] { UTF8Coding.append(scalar, to: &result) }
    return result
  }
}

extension String {
  /// The parts between occurrences of a byte string.
  fileprivate func split(separatedBy separator: [UInt8]) -> [String] {
    let bytes = Array(utf8)
    var parts: [String] = []
    var start = 0
    var position = 0
    while position < bytes.count {
      if bytes[position...].starts(with: separator) {
        parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
        position += separator.count
        start = position
      } else {
        position += 1
      }
    }
    parts.append(String(decoding: bytes[start...], as: UTF8.self))
    return parts
  }
}
