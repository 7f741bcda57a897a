extension JSONValue {
  /// What becomes of a name that stands twice in one object.
  public enum RepeatedNames: Sendable {
    /// The last one wins, as in Python.
    case lastWins
    /// An error: a file that says two things is not to be trusted.
    case refused
  }

  /// Reads one JSON document (RFC 8259) from UTF-8 bytes; a byte order mark in front is skipped; `NaN` and `Infinity` are
  /// read, as Python writes them.
  ///
  /// - Memory: proportional to the text; nothing is allocated on the word of a number in it.
  /// - Throws: ``JSONError`` with line and column: malformed JSON, invalid UTF-8, a lone surrogate in an escape,
  ///   more than 128 levels, or anything behind the document.
  public init(
    parsing bytes: UnsafeBufferPointer<UInt8>, repeatedNames: RepeatedNames = .lastWins
  ) throws(JSONError) {
    if let position = UTF8Validation.firstInvalid(in: bytes) {
      throw JSONError("invalid UTF-8", at: position, in: bytes)
    }
    var parser = JSONParser(bytes: bytes, repeatedNames: repeatedNames)
    self = try parser.document()
  }

  /// Reads one JSON document from an array of UTF-8 bytes.
  public init(parsing bytes: [UInt8], repeatedNames: RepeatedNames = .lastWins) throws(JSONError) {
    let result = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(JSONError) in try JSONValue(parsing: buffer, repeatedNames: repeatedNames) }
    }
    self = try result.get()
  }

  /// Reads one JSON document from text.
  public init(parsing text: String, repeatedNames: RepeatedNames = .lastWins) throws(JSONError) {
    self = try JSONValue(parsing: Array(text.utf8), repeatedNames: repeatedNames)
  }
}

/// A recursive reader over bytes that are known to be valid UTF-8.
struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let repeatedNames: JSONValue.RepeatedNames
  var position = 0
  private static let deepest = 128

  init(bytes: UnsafeBufferPointer<UInt8>, repeatedNames: JSONValue.RepeatedNames) {
    self.bytes = bytes
    self.repeatedNames = repeatedNames
  }

  mutating func document() throws(JSONError) -> JSONValue {
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
    skipSpace()
    let value = try value(depth: 0)
    skipSpace()
    if position < bytes.count { throw error("something follows the end of the value") }
    return value
  }

  private func error(_ reason: String) -> JSONError { JSONError(reason, at: position, in: bytes) }

  private var unexpected: JSONError {
    guard position < bytes.count else { return error("the text ends in the middle of a value") }
    let byte = bytes[position]
    if byte >= 0x20, byte < 0x7F { return error("unexpected '\(Character(Unicode.Scalar(byte)))'") }
    return error("unexpected byte 0x\(String(byte, radix: 16))")
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard position < bytes.count else { throw unexpected }
    switch bytes[position] {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N"): return try word("NaN", .number(.nan))
    case UInt8(ascii: "I"): return try word("Infinity", .number(.infinity))
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count else { throw unexpected }
    for index in 0..<count where bytes[position + index] != text.utf8Start[index] { throw unexpected }
    position += count
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    if depth >= Self.deepest { throw error("more than \(Self.deepest) levels") }
    position += 1
    skipSpace()
    var members: [(key: String, value: JSONValue)] = []
    if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
      position += 1
      return .object(JSONObject(members))
    }
    while true {
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw unexpected }
      let key = try string()
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw unexpected }
      position += 1
      skipSpace()
      members.append((key, try value(depth: depth + 1)))
      skipSpace()
      guard position < bytes.count else { throw unexpected }
      position += 1
      switch bytes[position - 1] {
      case UInt8(ascii: ","): skipSpace()
      case UInt8(ascii: "}"): return .object(try object(of: members))
      default:
        position -= 1
        throw unexpected
      }
    }
  }

  private func object(of members: [(key: String, value: JSONValue)]) throws(JSONError) -> JSONObject {
    guard repeatedNames == .refused else { return JSONObject(withoutRepeats: members) }
    let object = JSONObject(members)
    if let key = object.firstRepeatedKey {
      let reason = "the name \"\(key)\" occurs twice in one object"
      throw JSONError(reason, at: position, in: bytes, repeatedName: key)
    }
    return object
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    if depth >= Self.deepest { throw error("more than \(Self.deepest) levels") }
    position += 1
    skipSpace()
    var elements: [JSONValue] = []
    if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      guard position < bytes.count else { throw unexpected }
      position += 1
      switch bytes[position - 1] {
      case UInt8(ascii: ","): skipSpace()
      case UInt8(ascii: "]"): return .array(elements)
      default:
        position -= 1
        throw unexpected
      }
    }
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    func digit(_ index: Int) -> Bool { index < bytes.count && bytes[index] >= 0x30 && bytes[index] <= 0x39 }
    if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
    if position > start, position < bytes.count, bytes[position] == UInt8(ascii: "I") {
      return try word("Infinity", .number(-.infinity))
    }
    guard digit(position) else { throw unexpected }
    if bytes[position] == UInt8(ascii: "0") {
      position += 1
    } else {
      while digit(position) { position += 1 }
    }
    var isInteger = true
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      guard digit(position) else { throw unexpected }
      while digit(position) { position += 1 }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      guard digit(position) else { throw unexpected }
      while digit(position) { position += 1 }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text) else { throw error("a number that cannot be held") }
    return .number(number)
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        position += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw error("a raw control character in a string") }
      position += 1
    }
    throw unexpected
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
      if byte < 0x20 {
        position -= 1
        throw error("a raw control character in a string")
      }
      if byte != UInt8(ascii: "\\") {
        text.append(byte)
        continue
      }
      guard position < bytes.count else { throw unexpected }
      let escape = bytes[position]
      position += 1
      switch escape {
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
      case UInt8(ascii: "u"):
        guard let scalar = Unicode.Scalar(try escapedScalar()) else { throw unexpected }
        text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      default:
        position -= 1
        throw unexpected
      }
    }
    throw unexpected
  }

  private mutating func escapedScalar() throws(JSONError) -> UInt32 {
    let unit = try hexUnit()
    if unit >= 0xDC00, unit < 0xE000 { throw error("a low surrogate without a high one in an escape") }
    guard unit >= 0xD800, unit < 0xDC00 else { return unit }
    let lone = "a high surrogate without a low one in an escape"
    guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
    else { throw error(lone) }
    position += 2
    let low = try hexUnit()
    guard low >= 0xDC00, low < 0xE000 else { throw error(lone) }
    return 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
  }

  private mutating func hexUnit() throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count else { throw unexpected }
      let byte = bytes[position]
      switch byte {
      case 0x30...0x39: unit = unit << 4 | UInt32(byte - 0x30)
      case 0x41...0x46: unit = unit << 4 | UInt32(byte - 0x41 + 10)
      case 0x61...0x66: unit = unit << 4 | UInt32(byte - 0x61 + 10)
      default: throw unexpected
      }
      position += 1
    }
    return unit
  }
}
