/// A JSON value as written: members keep their order, integers stay integers.
///
/// Foundation's reader is not used because tokenizer files hold hundreds of thousands of short strings that must load
/// in a moment, because chat templates print objects in the order of the file, and because Swift compares strings by
/// canonical equivalence, under which two different entries of a vocabulary could be one.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
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

/// The members of a JSON object in the order of the document.
public struct JSONObject: Sendable {
  /// Keys and values in order; a key that a document repeats stands here once, with its last value.
  public private(set) var members: [(key: String, value: JSONValue)]

  /// An object with the given members.
  public init(_ members: [(key: String, value: JSONValue)] = []) { self.members = members }

  /// The keys in order.
  public var keys: [String] { members.map(\.key) }

  /// The value of a key, compared byte by byte.
  public subscript(key: String) -> JSONValue? {
    members.last { $0.key.hasSameBytes(as: key) }?.value
  }

  /// Sets the value of a key in place, or appends it.
  public mutating func set(_ key: String, to value: JSONValue) {
    if let index = members.lastIndex(where: { $0.key.hasSameBytes(as: key) }) {
      members[index].value = value
    } else {
      members.append((key, value))
    }
  }
}

extension String {
  /// Equality of the UTF-8 bytes; `==` would take canonically equivalent texts for equal.
  func hasSameBytes(as other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}
