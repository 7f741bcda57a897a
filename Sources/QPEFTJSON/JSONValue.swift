/// A JSON value as written: members keep their order, integers stay integers.
///
/// Foundation's reader is not used because tokenizer files hold hundreds of thousands of short strings that must load
/// in a moment, because chat templates print objects in the order of the file, and because Swift compares strings by
/// canonical equivalence, under which two different entries of a vocabulary could be one.
public enum JSONValue: Hashable, Sendable {
  /// `null`, `true` or `false`, a whole number that fits 64 bits, any other number.
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  /// Text, a list, and named members.
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// What the value is, in the words of a JSON document, for messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The string, if it is one.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The boolean, if it is one.
  public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  /// The integer, if it is one.
  public var integer: Int? { if case .integer(let number) = self { number } else { nil } }
  /// Any number.
  public var number: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number
    default: nil
    }
  }
  /// The elements, if it is an array.
  public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  /// The members, if it is an object.
  public var object: JSONObject? { if case .object(let members) = self { members } else { nil } }
  /// Whether it is `null`.
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// The member of an object; nil where there is none, where it is `null`, or where this is no object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self, let value = members[key], !value.isNull else { return nil }
    return value
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// Text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// `true` or `false`.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A list.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// `null`.
  public init(nilLiteral: ()) { self = .null }
  /// Members; a later one of the same name wins.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(withoutRepeats: elements.map { ($0.0, $0.1) }))
  }
}
