internal import Foundation

/// How one value is written: Python's format specification, and what a `%` field means in its terms.
struct TemplateFormat {
  var fill: Unicode.Scalar = " "
  /// `<`, `>`, `^` or `=`; nil for what the value's kind asks for.
  var alignment: Unicode.Scalar?
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?

  /// Wider fields and longer fractions are not what a chat is made of.
  private static let most = 1 << 16

  init() {}

  /// Reads `[[fill]align][sign][#][0][width][,][.precision][type]`; nil for what is none.
  init?(_ text: String) {
    var rest = Array(text.unicodeScalars)[...]
    let aligns: [Unicode.Scalar] = ["<", ">", "^", "="]
    if rest.count > 1, aligns.contains(rest[rest.startIndex + 1]) {
      fill = rest.removeFirst()
      alignment = rest.removeFirst()
    } else if let first = rest.first, aligns.contains(first) {
      alignment = rest.removeFirst()
    }
    if let first = rest.first, ["+", "-", " "].contains(first) { sign = rest.removeFirst() }
    if rest.first == "#" {
      isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0" {
      rest.removeFirst()
      if alignment == nil { (fill, alignment) = ("0", "=") }
    }
    guard let width = Self.number(&rest) else { return nil }
    self.width = width ?? 0
    if let first = rest.first, first == "," || first == "_" { grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      guard let digits = Self.number(&rest), let digits else { return nil }
      precision = digits
    }
    type = rest.popFirst()
    if !rest.isEmpty { return nil }
  }

  /// The number that a text begins with, nil inside if there is none; nil outside if it is out of all bounds.
  static func number(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int?? {
    let digits = rest.prefix { ("0"..."9").contains($0) }
    rest = rest.dropFirst(digits.count)
    if digits.isEmpty { return .some(nil) }
    guard digits.count < 9, let number = Int(String(String.UnicodeScalarView(digits))), number <= most else {
      return nil
    }
    return number
  }

  /// The value as written in this form; nil where Python refuses.
  func text(of value: TemplateValue) -> String? {
    switch value {
    case .string(let text), .markup(let text):
      guard type == nil || type == "s", alignment != "=" || fill == "0", grouping == nil, sign == "-" else {
        return nil
      }
      let shown = precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
      return padded("", shown, alignment == "=" ? "<" : alignment ?? "<")
    case .bool(let flag) where type == nil: return integer(flag ? 1 : 0)
    case .bool, .integer:
      guard let number = value.integer else { return nil }
      if let type, "eEfFgG%".unicodeScalars.contains(type) { return float(Double(number)) }
      return integer(number)
    case .float(let number): return float(number)
    default: return nil
    }
  }

  private func integer(_ number: Int) -> String? {
    guard precision == nil else { return nil }
    let magnitude = number.magnitude
    let digits: (text: String, prefix: String)
    switch type {
    case nil, "d", "n", "i", "u": digits = (String(magnitude), "")
    case "x": digits = (String(magnitude, radix: 16), "0x")
    case "X": digits = (String(magnitude, radix: 16, uppercase: true), "0X")
    case "o": digits = (String(magnitude, radix: 8), "0o")
    case "b": digits = (String(magnitude, radix: 2), "0b")
    case "c":
      guard let scalar = UInt32(exactly: number).flatMap(Unicode.Scalar.init) else { return nil }
      return padded("", String(Character(scalar)), alignment ?? "<")
    default: return nil
    }
    let every = type == nil || type == "d" || type == "n" ? 3 : 4
    return padded(signText(number < 0) + (isAlternate ? digits.prefix : ""), grouped(digits.text, every))
  }

  private func float(_ number: Double) -> String? {
    let magnitude = number.magnitude
    let isNegative = number.sign == .minus && !number.isNaN
    if !number.isFinite {
      let name = number.isNaN ? "nan" : "inf"
      let isUpper = type.map { "EFG".unicodeScalars.contains($0) } ?? false
      return padded(signText(isNegative), (isUpper ? name.uppercased() : name) + (type == "%" ? "%" : ""))
    }
    let alternate = isAlternate ? "#" : ""
    var text: String
    switch type {
    case "e", "E", "f", "F", "g", "G":
      text = String(format: "%\(alternate).\(precision ?? 6)\(type.map(String.init) ?? "")", magnitude)
    case "%": text = String(format: "%\(alternate).\(precision ?? 6)f", magnitude * 100) + "%"
    case "n": text = String(format: "%\(alternate).\(precision ?? 6)g", magnitude)
    case nil:
      guard let precision else {
        text = TemplateValue.text(of: magnitude)
        break
      }
      text = String(format: "%.\(max(precision, 1))g", magnitude)
      // Between 1e-4 and the precision Python keeps one digit behind the point.
      if !text.utf8.contains(UInt8(ascii: ".")), !text.utf8.contains(UInt8(ascii: "e")) {
        text = text.utf8.count < precision ? text + ".0" : exponential(magnitude, digits: precision)
      }
    default: return nil
    }
    let whole = text.prefix { $0.isNumber }
    return padded(signText(isNegative), grouped(String(whole), 3) + text.dropFirst(whole.count))
  }

  private func exponential(_ number: Double, digits: Int) -> String {
    let text = String(format: "%.\(max(digits - 1, 0))e", number)
    let mantissa = text.prefix { $0 != "e" }
    let shown =
      mantissa.contains(".") ? Text.strip(Text.strip(String(mantissa), "0", left: false), ".") : String(mantissa)
    return shown + text.dropFirst(mantissa.count)
  }

  private func signText(_ isNegative: Bool) -> String {
    isNegative ? "-" : sign == "-" ? "" : String(Character(sign))
  }

  private func grouped(_ digits: String, _ every: Int) -> String {
    guard let grouping else { return digits }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.utf8.count - index) % every == 0 { result.unicodeScalars.append(grouping) }
      result.append(digit)
    }
    return result
  }

  private func padded(_ prefix: String, _ text: String, _ preset: Unicode.Scalar = ">") -> String {
    let missing = max(0, width - prefix.unicodeScalars.count - text.unicodeScalars.count)
    func fillers(_ count: Int) -> String { String(repeating: String(Character(fill)), count: count) }
    switch alignment ?? preset {
    case "<": return prefix + text + fillers(missing)
    case "^": return fillers(missing / 2) + prefix + text + fillers(missing - missing / 2)
    case "=": return prefix + fillers(missing) + text
    default: return fillers(missing) + prefix + text
    }
  }
}
