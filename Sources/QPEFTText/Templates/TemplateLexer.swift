/// What a template consists of: text, and the tokens between its delimiters.
enum TemplateToken: Sendable, Equatable {
  case text(String)
  case blockStart, blockEnd
  case variableStart, variableEnd
  case name(String)
  case string(String)
  case integer(Int)
  case float(Double)
  case symbol(String)
  case end
}

/// Cuts a template as Jinja does with `trim_blocks` and `lstrip_blocks`, which is how transformers renders.
struct TemplateLexer {
  private let source: [Unicode.Scalar]
  private var position = 0
  private var place = TemplatePlace()
  private(set) var tokens: [(token: TemplateToken, place: TemplatePlace)] = []
  /// Whether nothing stands before `position` in its line.
  private var isAtLineStart = true

  init(_ text: String) {
    var scalars: [Unicode.Scalar] = []
    var wasReturn = false
    for scalar in text.unicodeScalars {
      if scalar == "\r" {
        scalars.append("\n")
      } else if scalar != "\n" || !wasReturn {
        scalars.append(scalar)
      }
      wasReturn = scalar == "\r"
    }
    // Jinja drops one line break at the end.
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  mutating func run() throws(TemplateError) -> [(token: TemplateToken, place: TemplatePlace)] {
    while position < source.count { try text() }
    tokens.append((.end, place))
    return tokens
  }

  private func error(_ reason: String) -> TemplateError { TemplateError(.syntax, reason, place) }

  private func looksAt(_ text: String, at index: Int) -> Bool {
    var index = index
    for scalar in text.unicodeScalars {
      guard index < source.count, source[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where position < source.count {
      if source[position] == "\n" {
        place.line += 1
        place.column = 1
      } else {
        place.column += 1
      }
      position += 1
    }
  }

  /// Text up to the next delimiter, and what that opens.
  private mutating func text() throws(TemplateError) {
    var end = position
    while end < source.count {
      if source[end] == "{", end + 1 < source.count, ["%", "{", "#"].contains(source[end + 1]) { break }
      end += 1
    }
    let begin = place
    var text = Array(source[position..<end])
    let wasAtLineStart = isAtLineStart
    advance(end - position)
    guard position < source.count else {
      append(text, begin)
      return
    }
    let kind = source[position + 1]
    let sign = position + 2 < source.count ? source[position + 2] : " "
    if sign == "-" {
      while let last = text.last, last.properties.isWhitespace { text.removeLast() }
    } else if sign != "+", kind != "{" {
      let lineStart = (text.lastIndex(of: "\n") ?? -1) + 1
      if lineStart > 0 || wasAtLineStart, text[lineStart...].allSatisfy(\.properties.isWhitespace) {
        text.removeSubrange(lineStart...)
      }
    }
    append(text, begin)
    let opening = place
    advance(sign == "-" || sign == "+" && kind != "{" ? 3 : 2)
    switch kind {
    case "#": try comment(opening)
    case "{":
      tokens.append((.variableStart, opening))
      try expression(closing: "}}", .variableEnd, opening)
    default:
      if try raw() { return }
      tokens.append((.blockStart, opening))
      try expression(closing: "%}", .blockEnd, opening)
    }
  }

  private mutating func append(_ text: [Unicode.Scalar], _ place: TemplatePlace) {
    if text.isEmpty { return }
    var string = String.UnicodeScalarView()
    string.append(contentsOf: text)
    tokens.append((.text(String(string)), place))
  }

  /// Behind a closing delimiter: `-` eats all white space, a block or comment one line break.
  private mutating func close(_ sign: Unicode.Scalar?, isBlock: Bool) {
    let start = position
    if sign == "-" {
      while position < source.count, source[position].properties.isWhitespace { advance() }
    } else if isBlock, sign != "+", position < source.count, source[position] == "\n" {
      advance()
    }
    isAtLineStart = position > start && source[position - 1] == "\n"
  }

  private mutating func comment(_ opening: TemplatePlace) throws(TemplateError) {
    while position < source.count {
      if looksAt("#}", at: position) {
        let sign = source[position - 1]
        advance(2)
        close(sign == "-" || sign == "+" ? sign : nil, isBlock: true)
        return
      }
      advance()
    }
    throw TemplateError(.syntax, "a comment that is never closed", opening)
  }

  /// `{% raw %} … {% endraw %}`; false if this block is something else.
  private mutating func raw() throws(TemplateError) -> Bool {
    var index = position
    func skipSpace(_ index: inout Int) {
      while index < source.count, source[index].properties.isWhitespace { index += 1 }
    }
    skipSpace(&index)
    guard looksAt("raw", at: index) else { return false }
    index += 3
    skipSpace(&index)
    let eats = looksAt("-%}", at: index)
    guard eats || looksAt("%}", at: index) else { return false }
    advance(index + (eats ? 3 : 2) - position)
    close(eats ? "-" : nil, isBlock: false)
    let begin = place
    var end = position
    while end < source.count {
      if looksAt("{%", at: end) {
        var inner = end + 2
        let sign: Unicode.Scalar? = inner < source.count && ["-", "+"].contains(source[inner]) ? source[inner] : nil
        if sign != nil { inner += 1 }
        skipSpace(&inner)
        if looksAt("endraw", at: inner) {
          inner += 6
          skipSpace(&inner)
          let closing: Unicode.Scalar? =
            inner < source.count && ["-", "+"].contains(source[inner]) ? source[inner] : nil
          if closing != nil { inner += 1 }
          guard looksAt("%}", at: inner) else { throw error("an 'endraw' that is never closed") }
          var text = Array(source[position..<end])
          if sign == "-" { while let last = text.last, last.properties.isWhitespace { text.removeLast() } }
          append(text, begin)
          advance(inner + 2 - position)
          close(closing, isBlock: true)
          return true
        }
      }
      end += 1
    }
    throw error("a 'raw' block that is never closed")
  }

  private mutating func expression(
    closing: String, _ end: TemplateToken, _ opening: TemplatePlace
  ) throws(TemplateError) {
    var depth = 0
    while position < source.count {
      let scalar = source[position]
      let here = place
      if scalar.properties.isWhitespace {
        advance()
        continue
      }
      if depth == 0, looksAt(closing, at: position) {
        advance(2)
        tokens.append((end, here))
        close(nil, isBlock: end == .blockEnd)
        return
      }
      if depth == 0, scalar == "-" || scalar == "+" && end == .blockEnd, looksAt(closing, at: position + 1) {
        advance(3)
        tokens.append((end, here))
        close(scalar, isBlock: end == .blockEnd)
        return
      }
      if scalar == "\"" || scalar == "'" {
        tokens.append((.string(try string(quote: scalar)), here))
      } else if ("0"..."9").contains(scalar) {
        tokens.append((try number(), here))
      } else if scalar == "_" || scalar.properties.isXIDStart {
        tokens.append((.name(name()), here))
      } else {
        let symbol = try symbol()
        if ["(", "[", "{"].contains(symbol) { depth += 1 }
        if [")", "]", "}"].contains(symbol) { depth -= 1 }
        tokens.append((.symbol(symbol), here))
      }
    }
    throw TemplateError(.syntax, "a '\(closing == "}}" ? "{{" : "{%")' that is never closed", opening)
  }

  private mutating func name() -> String {
    var name = String.UnicodeScalarView()
    while position < source.count, source[position] == "_" || source[position].properties.isXIDContinue {
      name.append(source[position])
      advance()
    }
    return String(name)
  }

  private mutating func symbol() throws(TemplateError) -> String {
    for symbol in ["**", "//", "==", "!=", "<=", ">="] where looksAt(symbol, at: position) {
      advance(2)
      return symbol
    }
    let scalar = source[position]
    guard "+-*/%~<>=.:|,;()[]{}".unicodeScalars.contains(scalar) else { throw error("an unexpected '\(scalar)'") }
    advance()
    return String(Character(scalar))
  }

  private mutating func number() throws(TemplateError) -> TemplateToken {
    if source[position] == "0", position + 1 < source.count,
      let radix = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2][source[position + 1]]
    {
      var digits = String.UnicodeScalarView()
      var end = position + 2
      while end < source.count, source[end] == "_" || source[end].properties.isASCIIHexDigit {
        if source[end] != "_" { digits.append(source[end]) }
        end += 1
      }
      guard let value = Int(String(digits), radix: radix) else { throw error("a number that cannot be read") }
      advance(end - position)
      return .integer(value)
    }
    var text = ""
    var isFloat = false
    func digit(_ index: Int) -> Bool { index < source.count && ("0"..."9").contains(source[index]) }
    while position < source.count {
      let scalar = source[position]
      if digit(position) {
        text.unicodeScalars.append(scalar)
      } else if scalar == ".", !isFloat, digit(position + 1) {
        isFloat = true
        text.append(".")
      } else if scalar == "e" || scalar == "E",
        digit(position + 1) || position + 2 < source.count && digit(position + 2)
      {
        isFloat = true
        text.append("e")
        advance()
        text.unicodeScalars.append(source[position])
      } else if scalar != "_" {
        break
      }
      advance()
    }
    if !isFloat, let integer = Int(text) { return .integer(integer) }
    guard let value = Double(text) else { throw error("a number that cannot be read") }
    return .float(value)
  }

  private mutating func string(quote: Unicode.Scalar) throws(TemplateError) -> String {
    let opening = place
    var text = String.UnicodeScalarView()
    advance()
    while position < source.count {
      let scalar = source[position]
      advance()
      if scalar == quote { return String(text) }
      guard scalar == "\\", position < source.count else {
        text.append(scalar)
        continue
      }
      let escape = source[position]
      advance()
      switch escape {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "r": text.append("\r")
      case "a": text.append("\u{7}")
      case "b": text.append("\u{8}")
      case "f": text.append("\u{C}")
      case "v": text.append("\u{B}")
      case "\\", "'", "\"": text.append(escape)
      case "\n": break
      case "x", "u", "U":
        let digits = escape == "x" ? 2 : escape == "u" ? 4 : 8
        var hex = ""
        while hex.count < digits, position < source.count, source[position].properties.isASCIIHexDigit {
          hex.unicodeScalars.append(source[position])
          advance()
        }
        guard hex.count == digits, let value = UInt32(hex, radix: 16), let decoded = Unicode.Scalar(value) else {
          throw error("an escape that is no character")
        }
        text.append(decoded)
      case "0"..."7":
        var value = escape.value - 0x30
        var count = 1
        while count < 3, position < source.count, ("0"..."7").contains(source[position]) {
          value = value * 8 + source[position].value - 0x30
          count += 1
          advance()
        }
        text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
      default:
        text.append("\\")
        text.append(escape)
      }
    }
    throw TemplateError(.syntax, "a string that is never closed", opening)
  }
}
