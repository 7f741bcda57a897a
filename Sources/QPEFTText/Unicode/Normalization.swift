/// Unicode normalization forms as the `tokenizers` library computes them (its tables belong to an old Unicode).
struct Normalization: Sendable {
  enum Form: Sendable { case nfc, nfd, nfkc, nfkd }

  static let shared = Normalization()

  private var canonical: [UInt32: [UInt32]] = [:]
  private var compatibility: [UInt32: [UInt32]] = [:]
  private var classes: [UInt32: UInt8] = [:]
  private var compositions: [UInt64: UInt32] = [:]

  private init() {
    var whole: [[UInt32]: UInt32] = [:]
    for (scalar, parts, isComposed) in Self.entries(NormalizationData.canonical) {
      canonical[scalar] = parts
      if isComposed { whole[parts] = scalar }
    }
    for (parts, scalar) in whole {
      let head = Array(parts.dropLast())
      guard let last = parts.last, let first = head.count == 1 ? head[0] : whole[head] else { continue }
      compositions[UInt64(first) << 32 | UInt64(last)] = scalar
    }
    for (scalar, parts, _) in Self.entries(NormalizationData.compatibility) { compatibility[scalar] = parts }
    for item in NormalizationData.combiningClasses.description.split(separator: ";") {
      let parts = item.split(separator: ":")
      guard parts.count == 2, let value = UInt8(parts[0]) else { continue }
      for range in parts[1].split(separator: " ") {
        let ends = range.split(separator: "-").compactMap { UInt32($0, radix: 16) }
        guard let first = ends.first, let last = ends.last else { continue }
        for scalar in first...last { classes[scalar] = value }
      }
    }
  }

  private static func entries(_ text: StaticString) -> [(UInt32, [UInt32], isComposed: Bool)] {
    var scalar: UInt32 = 0
    return text.description.split(separator: " ").compactMap { item in
      guard let sign = item.firstIndex(where: { $0 == "=" || $0 == "!" }), let step = UInt32(item[..<sign], radix: 16)
      else { return nil }
      scalar += step
      let parts = item[item.index(after: sign)...].split(separator: "+").compactMap { UInt32($0, radix: 16) }
      return (scalar, parts, item[sign] == "=")
    }
  }

  /// Normalizes a text; what changes is mapped to the start of the run of combining characters it stands in.
  func apply(_ form: Form, to text: MappedText) -> MappedText {
    let isComposing = form == .nfc || form == .nfkc
    let firstChanging: UInt8 = isComposing && form == .nfc ? 0xCC : 0xC2
    // Below U+0300 nothing changes under NFC, below U+00A0 nothing under the others.
    guard text.bytes.contains(where: { $0 >= firstChanging }) else { return text }
    var result = MappedText.Builder(like: text)
    text.bytes.withUnsafeBufferPointer { bytes in
      var position = 0
      while position < bytes.count {
        let end = segmentEnd(from: position, in: bytes)
        let segment = position..<end
        let scalars = UTF8Coding.scalars(of: bytes[segment])
        let changed = normalized(scalars, form)
        if changed == scalars {
          result.copy(segment, of: text)
        } else {
          for scalar in changed { result.append(scalar, from: position, of: text) }
        }
        position = end
      }
    }
    return result.finish(text)
  }

  /// The end of the shortest run of scalars that normalizes on its own: up to the next one that begins anew for sure.
  private func segmentEnd(from start: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var position = start
    while position < bytes.count {
      let (scalar, length) = UTF8Coding.scalar(at: position, in: bytes)
      if position > start, startsSegment(scalar) { break }
      position += length
    }
    return position
  }

  /// Scalars before which a text may be cut: of class 0, also in what they decompose to, and never the second half of
  /// a composition.
  private func startsSegment(_ scalar: UInt32) -> Bool {
    if scalar < 0x300 { return true }
    let first = (compatibility[scalar] ?? canonical[scalar])?.first ?? scalar
    if first >= 0x1100, first < 0x1200 { return first < 0x1160 }
    return classes[first] == nil && !Self.seconds.contains(first)
  }

  private static let seconds: Set<UInt32> = Set(shared.compositions.keys.map { UInt32(truncatingIfNeeded: $0) })

  private func normalized(_ scalars: [UInt32], _ form: Form) -> [UInt32] {
    let usesCompatibility = form == .nfkc || form == .nfkd
    var result: [UInt32] = []
    for scalar in scalars { decompose(scalar, usesCompatibility, into: &result) }
    order(&result)
    return form == .nfc || form == .nfkc ? compose(result) : result
  }

  private func decompose(_ scalar: UInt32, _ usesCompatibility: Bool, into result: inout [UInt32]) {
    if scalar < 0xA0 {
      result.append(scalar)
    } else if scalar >= 0xAC00, scalar < 0xAC00 + 11172 {
      let index = scalar - 0xAC00
      result += [0x1100 + index / 588, 0x1161 + index % 588 / 28]
      if index % 28 != 0 { result.append(0x11A7 + index % 28) }
    } else if usesCompatibility, let parts = compatibility[scalar] {
      result += parts
    } else if let parts = canonical[scalar] {
      result += parts
    } else {
      result.append(scalar)
    }
  }

  private func order(_ scalars: inout [UInt32]) {
    var index = 1
    while index < scalars.count {
      let own = classes[scalars[index]] ?? 0
      var place = index
      while own > 0, place > 0, classes[scalars[place - 1]] ?? 0 > own {
        scalars.swapAt(place, place - 1)
        place -= 1
      }
      index += 1
    }
  }

  private func compose(_ scalars: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var starter = -1
    var lastClass = 0
    for scalar in scalars {
      let own = Int(classes[scalar] ?? 0)
      if starter >= 0, lastClass < own || lastClass == 0 && starter == result.count - 1,
        let whole = pair(result[starter], scalar)
      {
        result[starter] = whole
        continue
      }
      if own == 0 { starter = result.count }
      lastClass = own
      result.append(scalar)
    }
    return result
  }

  private func pair(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= 0x1100, first < 0x1113, second >= 0x1161, second < 0x1176 {
      return 0xAC00 + (first - 0x1100) * 588 + (second - 0x1161) * 28
    }
    if first >= 0xAC00, first < 0xAC00 + 11172, (first - 0xAC00) % 28 == 0, second > 0x11A7, second < 0x11C3 {
      return first + second - 0x11A7
    }
    return compositions[UInt64(first) << 32 | UInt64(second)]
  }
}
