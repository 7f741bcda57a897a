extension TemplateValue {
  /// Python's `str()`.
  var text: String {
    if let string { return string }
    if case .undefined = self { return "" }
    return representation
  }

  /// Python's `repr()`.
  var representation: String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .integer(let number): return String(number)
    case .float(let number): return Self.text(of: number)
    case .string(let text): return Self.quoted(text)
    case .markup(let text): return "Markup(\(Self.quoted(text)))"
    case .list(let items): return "[" + items.map(\.representation).joined(separator: ", ") + "]"
    case .tuple(let items):
      return "(" + items.map(\.representation).joined(separator: ", ") + (items.count == 1 ? ",)" : ")")
    case .view(let view): return view.representation
    case .dictionary(let items):
      let members = items.map { "\($0.key.representation): \($0.value.representation)" }
      return "{" + members.joined(separator: ", ") + "}"
    default: return "<\(kind)>"
    }
  }

  /// A number as Python prints it.
  static func text(of number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    let magnitude = abs(number)
    guard magnitude >= 1e16 || magnitude > 0 && magnitude < 1e-4 else { return "\(number)" }
    // Both print the shortest digits; Swift writes 1e-05 and 1.5e+16 as Python does, and 1.0e+16 for 1e+16.
    let text = Array("\(number)".utf8)
    guard let exponent = text.firstIndex(of: UInt8(ascii: "e")), exponent > 2 else { return "\(number)" }
    let isWhole = text[exponent - 1] == UInt8(ascii: "0") && text[exponent - 2] == UInt8(ascii: ".")
    return isWhole ? String(decoding: text[..<(exponent - 2)] + text[exponent...], as: UTF8.self) : "\(number)"
  }

  /// A text as Python writes it in quotes. Byte by byte, since a list may hold it very often.
  static func quoted(_ text: String) -> String {
    let bytes = text.utf8
    let quote = bytes.contains(UInt8(ascii: "'")) && !bytes.contains(UInt8(ascii: "\"")) ? "\"" : "'" as Unicode.Scalar
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 2)
    result.append(UInt8(ascii: quote))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\".utf8
      case "\n": result += "\\n".utf8
      case "\r": result += "\\r".utf8
      case "\t": result += "\\t".utf8
      case quote: result += [UInt8(ascii: "\\"), UInt8(ascii: quote)]
      case " "..."~": result.append(UInt8(ascii: scalar))
      case _ where !isPrintable(scalar): result += escape(scalar).utf8
      default: result += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
      }
    }
    result.append(UInt8(ascii: quote))
    return String(decoding: result, as: UTF8.self)
  }

  /// Python's `isprintable`: neither control, format, surrogate, private nor unassigned, and no space but the plain one.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " "
      || ScalarClass.shared.mask(of: scalar.value) & (ScalarClass.others | ScalarClass.separators) == 0
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let hex = String(scalar.value, radix: 16)
    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - hex.utf8.count) + hex
  }
}
