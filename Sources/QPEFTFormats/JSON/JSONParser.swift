extension JSONNode {
  /// Nesting that no checkpoint needs; it bounds the parser's stack.
  static let depthLimit = 128

  /// Reads one JSON value that fills `bytes` but for white space. `NaN` and `Infinity` are read, as Python writes them.
  /// - Memory: proportional to the text; nothing is allocated on the word of a number in it.
  package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONProblem) {
    var parser = JSONParser(bytes: bytes)
    self = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.offset == bytes.count else {
      throw .syntax(offset: parser.offset, expected: "the end of the text")
    }
  }

  /// Reads one JSON value from text.
  package init(parsing text: String) throws(JSONProblem) { try self.init(parsing: Array(text.utf8)) }

  /// Reads one JSON value from bytes.
  package init(parsing bytes: [UInt8]) throws(JSONProblem) {
    let result = bytes.withUnsafeBytes { bytes in Result { () throws(JSONProblem) in try JSONNode(parsing: bytes) } }
    self = try result.get()
  }
}

/// A parser of one text by recursive descent.
private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  var offset = 0

  mutating func skipSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  func peek() throws(JSONProblem) -> UInt8 {
    guard offset < bytes.count else { throw .truncated }
    return bytes[offset]
  }

  mutating func take(_ character: Character) throws(JSONProblem) {
    guard try peek() == character.asciiValue else { throw .syntax(offset: offset, expected: "'\(character)'") }
    offset += 1
  }

  mutating func value(depth: Int) throws(JSONProblem) -> JSONNode {
    guard depth <= JSONNode.depthLimit else { throw .tooDeep(limit: JSONNode.depthLimit) }
    skipSpace()
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N"): return try word("NaN", .number(.nan))
    case UInt8(ascii: "I"): return try word("Infinity", .number(.infinity))
    default: return try number()
    }
  }

  mutating func word(_ word: StaticString, _ value: JSONNode) throws(JSONProblem) -> JSONNode {
    let count = word.utf8CodeUnitCount
    guard offset + count <= bytes.count else { throw .truncated }
    for index in 0..<count where bytes[offset + index] != word.utf8Start[index] {
      throw .syntax(offset: offset, expected: "a value")
    }
    offset += count
    return value
  }

  mutating func object(depth: Int) throws(JSONProblem) -> JSONMembers {
    try take("{")
    var object = JSONMembers()
    skipSpace()
    if try peek() == UInt8(ascii: "}") {
      offset += 1
      return object
    }
    while true {
      skipSpace()
      let name = try string()
      guard object[name] == nil else { throw .duplicateName(name) }
      skipSpace()
      try take(":")
      object[name] = try value(depth: depth + 1)
      skipSpace()
      if try peek() == UInt8(ascii: "}") {
        offset += 1
        return object
      }
      try take(",")
    }
  }

  mutating func array(depth: Int) throws(JSONProblem) -> [JSONNode] {
    try take("[")
    var array: [JSONNode] = []
    skipSpace()
    if try peek() == UInt8(ascii: "]") {
      offset += 1
      return array
    }
    while true {
      array.append(try value(depth: depth + 1))
      skipSpace()
      if try peek() == UInt8(ascii: "]") {
        offset += 1
        return array
      }
      try take(",")
    }
  }

  mutating func number() throws(JSONProblem) -> JSONNode {
    let start = offset
    func isDigit(_ at: Int) -> Bool { at < bytes.count && (0x30...0x39).contains(bytes[at]) }
    func fail() -> JSONProblem { .syntax(offset: start, expected: "a value") }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "I") { return try word("Infinity", .number(-.infinity)) }
    guard isDigit(offset) else { throw offset < bytes.count ? fail() : .truncated }
    if bytes[offset] == 0x30, isDigit(offset + 1) { throw fail() }
    while isDigit(offset) { offset += 1 }
    var isWhole = true
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      isWhole = false
      offset += 1
      guard isDigit(offset) else { throw fail() }
      while isDigit(offset) { offset += 1 }
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      offset += 1
      if offset < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[offset]) { offset += 1 }
      guard isDigit(offset) else { throw fail() }
      while isDigit(offset) { offset += 1 }
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if isWhole, let whole = Int(text) { return .integer(whole) }
    guard let number = Double(text) else { throw fail() }
    return .number(number)
  }

  mutating func string() throws(JSONProblem) -> String {
    try take("\"")
    let start = offset
    while try peek() != UInt8(ascii: "\""), bytes[offset] != UInt8(ascii: "\\") {
      guard bytes[offset] >= 0x20 else { throw .syntax(offset: offset, expected: "no control character in a string") }
      offset += 1
    }
    var text = Array(bytes[start..<offset])
    while try peek() != UInt8(ascii: "\"") {
      if bytes[offset] == UInt8(ascii: "\\") {
        try escape(into: &text)
      } else {
        guard bytes[offset] >= 0x20 else { throw .syntax(offset: offset, expected: "no control character in a string") }
        text.append(bytes[offset])
        offset += 1
      }
    }
    offset += 1
    guard let string = String(validating: text, as: UTF8.self) else { throw .notUnicode(offset: start) }
    return string
  }

  mutating func escape(into text: inout [UInt8]) throws(JSONProblem) {
    let start = offset
    offset += 1
    let letter = try peek()
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        try take("\\")
        try take("u")
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw .notUnicode(offset: start) }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw .notUnicode(offset: start) }
      text.append(contentsOf: Character(scalar).utf8)
    default: throw .syntax(offset: start, expected: "an escape")
    }
  }

  mutating func hexadecimal() throws(JSONProblem) -> UInt32 {
    guard offset + 4 <= bytes.count else { throw .truncated }
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue else {
        throw .syntax(offset: offset, expected: "four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      offset += 1
    }
    return code
  }
}
