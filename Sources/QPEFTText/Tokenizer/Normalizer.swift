/// What is done to a text before it is cut into words.
indirect enum Normalizer: Sendable {
  case none
  case form(Normalization.Form)
  case sequence([Normalizer])
  case prepend([UInt8])
  case replace(Pattern, [UInt8])
  case strip(left: Bool, right: Bool)
  case lowercase
  case stripAccents
  case bert(BertNormalizer)
  case characterMap(CharacterMap)

  func callAsFunction(_ text: MappedText) -> MappedText {
    switch self {
    case .none: return text
    case .form(let form): return Normalization.shared.apply(form, to: text)
    case .sequence(let steps): return steps.reduce(text) { $1($0) }
    case .prepend(let content): return Self.prepend(content, to: text)
    case .replace(let pattern, let content): return Self.replace(pattern, content, in: text)
    case .strip(let left, let right): return Self.strip(text, left, right)
    case .lowercase: return Self.lowercase(text)
    case .stripAccents: return text.removing(.accents)
    case .bert(let normalizer): return normalizer(text)
    case .characterMap(let map): return map(text)
    }
  }

  private static func prepend(_ content: [UInt8], to text: MappedText) -> MappedText {
    if text.bytes.isEmpty { return text }
    var result = MappedText.Builder(like: text)
    result.append(content, from: 0, of: text)
    result.copy(0..<text.bytes.count, of: text)
    return result.finish(text)
  }

  static func replace(_ pattern: Pattern, _ content: [UInt8], in text: MappedText) -> MappedText {
    var result = MappedText.Builder(like: text)
    var matcher = PatternMatcher(pattern)
    text.bytes.withUnsafeBufferPointer { bytes in
      matcher.forEachPiece(of: bytes, in: 0..<bytes.count) { range, isMatch in
        if isMatch { result.append(content, from: range.lowerBound, of: text) } else { result.copy(range, of: text) }
      }
    }
    return result.finish(text)
  }

  private static func strip(_ text: MappedText, _ left: Bool, _ right: Bool) -> MappedText {
    var start = 0
    var end = text.bytes.count
    text.bytes.withUnsafeBufferPointer { bytes in
      while left, start < end {
        let (scalar, length) = UTF8Coding.scalar(at: start, in: bytes)
        guard ScalarSet.whitespace.contains(scalar) else { break }
        start += length
      }
      while right, end > start {
        let before = UTF8Coding.start(before: end, in: bytes)
        guard ScalarSet.whitespace.contains(UTF8Coding.scalar(at: before, in: bytes).value) else { break }
        end = before
      }
    }
    if start == 0, end == text.bytes.count { return text }
    var result = MappedText.Builder(like: text)
    result.copy(start..<end, of: text)
    return result.finish(text)
  }

  static func lowercase(_ text: MappedText) -> MappedText {
    var result = MappedText.Builder(like: text)
    text.bytes.withUnsafeBufferPointer { bytes in
      var position = 0
      while position < bytes.count {
        let (value, length) = UTF8Coding.scalar(at: position, in: bytes)
        if value < 0x80 {
          result.append((0x41...0x5A).contains(value) ? value | 0x20 : value, from: position, of: text)
          position += 1
          continue
        }
        let lower = Unicode.Scalar(value)?.properties.lowercaseMapping.unicodeScalars.map(\.value) ?? [value]
        for scalar in lower { result.append(scalar, from: position, of: text) }
        position += length
      }
    }
    return result.finish(text)
  }
}
