internal import QPEFTJSON
/// A value inside of a template, with the meaning that Python gives it.
indirect enum TemplateValue: Sendable {
  /// A name or member that does not exist; the text says which, for errors.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case list([TemplateValue])
  case dictionary([(key: TemplateValue, value: TemplateValue)])
  case namespace(Int)
  case macro(Int)
  /// A built-in function, or a method bound to its value.
  case function(String)
  case method(TemplateValue, String)
  case loop(TemplateLoop)

  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .integer(let number): self = .integer(number)
    case .number(let number): self = .float(number)
    case .string(let text): self = .string(text)
    case .array(let elements): self = .list(elements.map(TemplateValue.init))
    case .object(let object): self = .dictionary(object.members.map { (.string($0.key), TemplateValue($0.value)) })
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let flag): flag
    case .integer(let number): number != 0
    case .float(let number): number != 0
    case .string(let text): !text.isEmpty
    case .list(let items): !items.isEmpty
    case .dictionary(let items): !items.isEmpty
    default: true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }
  var string: String? { if case .string(let text) = self { text } else { nil } }

  /// The number it is; booleans count as 0 and 1, as in Python.
  var number: Double? {
    switch self {
    case .bool(let flag): flag ? 1 : 0
    case .integer(let number): Double(number)
    case .float(let number): number
    default: nil
    }
  }

  var integer: Int? {
    switch self {
    case .bool(let flag): flag ? 1 : 0
    case .integer(let number): number
    default: nil
    }
  }

  /// What it is called in errors.
  var kind: String {
    switch self {
    case .undefined: "undefined"
    case .none: "none"
    case .bool: "a boolean"
    case .integer, .float: "a number"
    case .string: "a string"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .macro: "a macro"
    case .function, .method: "a function"
    case .loop: "a loop"
    }
  }

  /// Python's `==`.
  func equals(_ other: TemplateValue) -> Bool {
    if let left = integer, let right = other.integer { return left == right }
    if let left = number, let right = other.number { return left == right }
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)): return left.hasSameBytes(as: right)
    case (.list(let left), .list(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { $0.equals($1) }
    case (.dictionary(let left), .dictionary(let right)):
      return left.count == right.count
        && left.allSatisfy { item in right.contains { $0.key.equals(item.key) && $0.value.equals(item.value) } }
    case (.namespace(let left), .namespace(let right)): return left == right
    case (.macro(let left), .macro(let right)): return left == right
    default: return false
    }
  }

  /// Python's `<`; nil for values that have no order.
  func isLess(than other: TemplateValue) -> Bool? {
    if let left = integer, let right = other.integer { return left < right }
    if let left = number, let right = other.number { return left < right }
    switch (self, other) {
    case (.string(let left), .string(let right)):
      return left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
    case (.list(let left), .list(let right)):
      for (a, b) in zip(left, right) where !a.equals(b) { return a.isLess(than: b) }
      return left.count < right.count
    default: return nil
    }
  }

  /// The member of a dictionary.
  func member(_ key: TemplateValue) -> TemplateValue? {
    guard case .dictionary(let items) = self else { return nil }
    return items.last { $0.key.equals(key) }?.value
  }

  /// Python's `str()`.
  var text: String {
    if case .string(let text) = self { return text }
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
    case .list(let items): return "[" + items.map(\.representation).joined(separator: ", ") + "]"
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
    if magnitude >= 1e16 || magnitude > 0 && magnitude < 1e-4 {
      // Both print the shortest digits; Swift writes 1e-05 and 1e+16 as Python does.
      let text = "\(number)"
      return text.contains("e") ? text.replacingDotZeroExponent : text
    }
    return "\(number)"
  }

  private static func quoted(_ text: String) -> String {
    let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView()
    result.append(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      case quote:
        result.append("\\")
        result.append(scalar)
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let hex = String(scalar.value, radix: 16)
          result.append(contentsOf: "\\x\(hex.count < 2 ? "0" : "")\(hex)".unicodeScalars)
        } else {
          result.append(scalar)
        }
      }
    }
    result.append(quote)
    return String(result)
  }
}

extension String {
  /// `1.0e+16` as `1e+16`.
  fileprivate var replacingDotZeroExponent: String {
    guard let range = range(ofText: ".0e") else { return self }
    var result = self
    result.replaceSubrange(range, with: "e")
    return result
  }

  private func range(ofText text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}

/// What `loop` knows inside of a `for`.
struct TemplateLoop: Sendable {
  var index = 0
  var items: [TemplateValue]

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .integer(index + 1)
    case "index0": .integer(index)
    case "revindex": .integer(items.count - index)
    case "revindex0": .integer(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .integer(items.count)
    case "depth": .integer(1)  // Counts recursion, not nesting.
    case "depth0": .integer(0)
    case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
    case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
    case "cycle": .method(.loop(self), "cycle")
    default: nil
    }
  }
}
