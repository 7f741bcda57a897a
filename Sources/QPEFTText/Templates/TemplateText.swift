/// Text functions with the meaning that Python gives them: they count Unicode scalars and compare bytes.
enum Text {
  typealias Bytes = ArraySlice<UInt8>

  /// Byte offset of the first (or last) occurrence.
  static func find(_ needle: String, in text: String, last: Bool = false) -> Int? {
    place(of: Array(needle.utf8), in: Array(text.utf8)[...], last: last)
  }

  private static func place(of pattern: [UInt8], in bytes: Bytes, last: Bool = false) -> Int? {
    guard bytes.count >= pattern.count else { return nil }
    let places = bytes.startIndex...(bytes.endIndex - pattern.count)
    func matches(_ place: Int) -> Bool {
      for index in pattern.indices where bytes[place + index] != pattern[index] { return false }
      return true
    }
    return last ? places.last(where: matches) : places.first(where: matches)
  }

  static func split(_ text: String, by separator: String, most: Int = .max, fromEnd: Bool = false) -> [String] {
    var rest = Array(text.utf8)[...]
    let pattern = Array(separator.utf8)
    var parts: [Bytes] = []
    while parts.count < most, let start = place(of: pattern, in: rest, last: fromEnd) {
      parts.append(fromEnd ? rest[(start + pattern.count)...] : rest[..<start])
      rest = fromEnd ? rest[..<start] : rest[(start + pattern.count)...]
    }
    parts.append(rest)
    return (fromEnd ? parts.reversed() : parts).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Splits at runs of white space; there are no empty parts.
  static func words(_ text: String, most: Int = .max, fromEnd: Bool = false) -> [String] {
    if fromEnd {
      // Backwards, scalar by scalar.
      let turned = { (text: String) in String(String.UnicodeScalarView(text.unicodeScalars.reversed())) }
      return words(turned(text), most: most).reversed().map(turned)
    }
    var parts: [String] = []
    var rest = text.unicodeScalars[...]
    while true {
      rest = rest.drop(while: \.properties.isWhitespace)
      if rest.isEmpty { return parts }
      if parts.count == most { return parts + [String(rest)] }
      let word = rest.prefix { !$0.properties.isWhitespace }
      parts.append(String(word))
      rest = rest[word.endIndex...]
    }
  }

  /// Runs of letters, digits and underscores.
  static func wordCount(_ text: String) -> Int {
    var count = 0
    var isInWord = false
    for scalar in text.unicodeScalars {
      let isWord = scalar == "_" || TemplateRenderer.passes("isalnum", scalar)
      if isWord, !isInWord { count += 1 }
      isInWord = isWord
    }
    return count
  }

  /// Python's `center`: of an odd number of fillers, the one more stands where it makes the width even.
  static func center(_ text: String, _ width: Int, _ filler: String = " ") -> String {
    let missing = min(width, 1 << 20) - text.unicodeScalars.count
    if missing <= 0 { return text }
    let left = missing / 2 + (missing & min(width, 1 << 20) & 1)
    return String(repeating: filler, count: left) + text + String(repeating: filler, count: missing - left)
  }

  static func lines(_ text: String, keepEnds: Bool = false) -> [String] {
    let breaks: Set<Unicode.Scalar> = [
      "\n", "\r", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}",
    ]
    var lines: [String] = []
    var current = String.UnicodeScalarView()
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard breaks.contains(scalar) else {
        current.append(scalar)
        continue
      }
      if keepEnds { current.append(scalar) }
      if scalar == "\r", scalars.first == "\n", let feed = scalars.popFirst(), keepEnds { current.append(feed) }
      lines.append(String(current))
      current = String.UnicodeScalarView()
    }
    if !current.isEmpty { lines.append(String(current)) }
    return lines
  }

  static func strip(_ text: String, _ characters: String? = nil, left: Bool = true, right: Bool = true) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func isStripped(_ scalar: Unicode.Scalar) -> Bool {
      set.map { $0.contains(scalar) } ?? (scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value))
    }
    var rest = text.unicodeScalars[...]
    if left { rest = rest.drop(while: isStripped) }
    while right, let last = rest.last, isStripped(last) { rest.removeLast() }
    return String(rest)
  }

  static func replace(_ text: String, _ old: String, _ new: String, most: Int = .max) -> String {
    if old.isEmpty {
      var result = most > 0 ? new : ""
      for (index, scalar) in text.unicodeScalars.enumerated() {
        result.unicodeScalars.append(scalar)
        if index + 1 < most { result += new }
      }
      return result
    }
    return split(text, by: old, most: most).joined(separator: new)
  }

  static func capitalize(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return text }
    return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
  }

  static func title(_ text: String) -> String {
    var result = ""
    var isInWord = false
    for scalar in text.unicodeScalars {
      result += isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      isInWord = scalar.properties.isAlphabetic
    }
    return result
  }

  /// Jinja's `title`: words begin behind white space, hyphens and opening brackets only.
  static func titleWords(_ text: String) -> String {
    var result = ""
    var isInWord = false
    for scalar in text.unicodeScalars {
      let separates = scalar.properties.isWhitespace || "-({[<".unicodeScalars.contains(scalar)
      result += isInWord ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
      isInWord = !separates
    }
    return result
  }

  /// Python's `istitle`: words begin with a capital letter, and no other letter is one.
  static func isTitle(_ text: String) -> Bool {
    var (isInWord, isThere) = (false, false)
    for scalar in text.unicodeScalars {
      let isCapital = scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
      if isCapital ? isInWord : scalar.properties.isLowercase && !isInWord { return false }
      isInWord = isCapital || scalar.properties.isLowercase
      isThere = isThere || isInWord
    }
    return isThere
  }

  static func withTabs(_ text: String, every width: Int) -> String {
    var result = String.UnicodeScalarView()
    var column = 0
    for scalar in text.unicodeScalars {
      if scalar == "\t" {
        let count = width > 0 ? width - column % width : 0
        result.append(contentsOf: repeatElement(" ", count: count))
        column += count
      } else {
        result.append(scalar)
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      }
    }
    return String(result)
  }

  /// Whether there is a scalar and all of them pass.
  static func all(_ text: String, _ test: (Unicode.Scalar) -> Bool) -> Bool {
    !text.unicodeScalars.isEmpty && text.unicodeScalars.allSatisfy(test)
  }

  static func isUpper(_ text: String) -> Bool {
    text.unicodeScalars.contains(where: \.properties.isCased)
      && text.unicodeScalars.allSatisfy { !$0.properties.isLowercase }
  }

  static func isLower(_ text: String) -> Bool {
    text.unicodeScalars.contains(where: \.properties.isCased)
      && text.unicodeScalars.allSatisfy { !$0.properties.isUppercase }
  }

  static func escapeHTML(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&#39;"
      case "\"": result += "&#34;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  static func indent(_ text: String, _ prefix: String, first: Bool, blank: Bool) -> String {
    // Jinja adds a line break, so that an empty text is a line, and one at the end stays.
    var lines = lines(text + "\n")
    for index in lines.indices where index > 0 || first {
      if blank || index == 0 || !lines[index].isEmpty { lines[index] = prefix + lines[index] }
    }
    return lines.joined(separator: "\n")
  }

  /// Text between tags, with single spaces and without HTML's names for signs: markupsafe's `striptags`.
  static func withoutTags(_ text: String) -> String {
    var rest = Array(text.utf8)[...]
    for (open, close) in [(Array("<!--".utf8), Array("-->".utf8)), ([UInt8(ascii: "<")], [UInt8(ascii: ">")])] {
      var kept: [UInt8] = []
      while let start = place(of: open, in: rest), let end = place(of: close, in: rest[start...]) {
        kept += rest[..<start]
        rest = rest[(end + close.count)...]
      }
      rest = (kept + rest)[...]
    }
    return unescapeHTML(words(String(decoding: rest, as: UTF8.self)).joined(separator: " "))
  }

  /// The five signs that `escapeHTML` writes, and characters by number.
  private static func unescapeHTML(_ text: String) -> String {
    let names: [String: Unicode.Scalar] = [
      "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}",
    ]
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      let name = scalar == "&" ? String(rest.prefix { $0 != ";" && $0 != "&" }) : ""
      let length = name.unicodeScalars.count
      let number =
        name.hasPrefix("#x")
        ? UInt32(name.dropFirst(2), radix: 16) : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
      if length > 0, length < 12, rest.count > length, let meant = names[name] ?? number.flatMap(Unicode.Scalar.init) {
        result.append(meant)
        rest = rest.dropFirst(length + 1)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  /// UTF-8 with `%XX` for all but letters, digits and a few signs; of a query, `+` for a space.
  static func percentEncoded(_ text: String, keeping kept: String = "", isQuery: Bool = false) -> String {
    let safe = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~".utf8).union(kept.utf8)
    var result = ""
    for byte in text.utf8 {
      if safe.contains(byte) {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else if isQuery, byte == UInt8(ascii: " ") {
        result += "+"
      } else {
        result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return result
  }
}
