extension JSONValue {
  /// How JSON is written; each is what Python's `json.dumps` writes with some arguments.
  package enum Style: Sendable {
    /// `json.dumps(value)`: one line, `", "` and `": "`.
    case line
    /// `json.dumps(value, separators=(",", ":"))`: no white space.
    case compact
    /// `json.dumps(value, indent=2)`; with sorted names, `sort_keys=True` too.
    case indented(sorted: Bool)
  }

  /// This value as text. Characters beyond ASCII are escaped, as `json.dumps` does, unless `keepsUnicode`.
  package func text(_ style: Style = .line, keepsUnicode: Bool = false) -> String {
    String(decoding: bytes(style, keepsUnicode: keepsUnicode), as: UTF8.self)
  }

  /// The same as UTF-8.
  package func bytes(_ style: Style = .line, keepsUnicode: Bool = false) -> [UInt8] {
    var writer = JSONWriter(style: style, keepsUnicode: keepsUnicode)
    writer.write(self, level: 0)
    return writer.text
  }

  /// A string as it stands in JSON, in quotes.
  package static func quoted(_ text: String, keepsUnicode: Bool = true) -> String {
    JSONValue.string(text).text(keepsUnicode: keepsUnicode)
  }
}

private struct JSONWriter {
  let style: JSONValue.Style
  let keepsUnicode: Bool
  var text: [UInt8] = []

  mutating func append(_ string: String) { text.append(contentsOf: string.utf8) }

  mutating func write(_ value: JSONValue, level: Int) {
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .integer(let value): append("\(value)")
    case .number(let value): append(JSONWriter.python(value))
    case .string(let value): write(value)
    case .array(let values):
      write("[", "]", values.count, level: level) { $0.write(values[$1], level: level + 1) }
    case .object(let object):
      var members = object.members
      if case .indented(sorted: true) = style {
        members.sort { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
      }
      write("{", "}", members.count, level: level) { writer, index in
        writer.write(members[index].key)
        if case .compact = writer.style { writer.append(":") } else { writer.append(": ") }
        writer.write(members[index].value, level: level + 1)
      }
    }
  }

  private mutating func write(
    _ open: String, _ close: String, _ count: Int, level: Int, element: (inout JSONWriter, Int) -> Void
  ) {
    append(open)
    for index in 0..<count {
      switch style {
      case .line: if index > 0 { append(", ") }
      case .compact: if index > 0 { append(",") }
      case .indented:
        append(index > 0 ? ",\n" : "\n")
        append(String(repeating: "  ", count: level + 1))
      }
      element(&self, index)
    }
    if case .indented = style, count > 0 { append("\n" + String(repeating: "  ", count: level)) }
    append(close)
  }

  private mutating func write(_ string: String) {
    append("\"")
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\r": append("\\r")
      case "\t": append("\\t")
      case "\u{8}": append("\\b")
      case "\u{C}": append("\\f")
      case _ where scalar.value < 0x20 || (!keepsUnicode && scalar.value > 0x7E):
        for unit in UTF16.encode(scalar)?.map({ $0 }) ?? [] {
          let digits = String(unit, radix: 16)
          append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
        }
      default: text.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
      }
    }
    append("\"")
  }

  /// Python's `repr` of a float: the shortest digits that read back the same, in plain notation from 1e-4 to below 1e16.
  private static func python(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    // Swift writes exponents from 2^53 on, where there are whole numbers alone.
    if abs(value) >= 0x1p53, abs(value) < 1e16 { return "\(Int(value)).0" }
    let text = "\(value)"
    guard let e = text.firstIndex(of: "e") else { return text }
    var mantissa = String(text[..<e])
    if mantissa.hasSuffix(".0") { mantissa.removeLast(2) }
    let exponent = Int(text[text.index(after: e)...]) ?? 0
    let digits = "\(abs(exponent))"
    return "\(mantissa)e\(exponent < 0 ? "-" : "+")\(digits.count < 2 ? "0" + digits : digits)"
  }
}
