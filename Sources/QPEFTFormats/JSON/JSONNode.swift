/// A JSON value as it stands in a file: whole numbers stay whole, members keep their order.
package indirect enum JSONNode: Hashable, Sendable {
  /// `null`, `true` or `false`, a whole number that fits 64 bits, any other number.
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  /// Text, a list, and named members.
  case string(String)
  case array([JSONNode])
  case object(JSONMembers)

  /// The member of that name, if this is an object that has it.
  package subscript(name: String) -> JSONNode? {
    guard case .object(let object) = self else { return nil }
    return object[name]
  }

  /// The text of a string.
  package var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// A whole number.
  package var integer: Int? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  /// Any number.
  package var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// `true` or `false`.
  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The values of a list.
  package var array: [JSONNode]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  /// The members of an object.
  package var object: JSONMembers? {
    guard case .object(let value) = self else { return nil }
    return value
  }
}

/// Named members in the order of the file.
package struct JSONMembers: Hashable, Sendable {
  /// Names in order.
  package private(set) var names: [String] = []
  private var values: [String: JSONNode] = [:]

  /// No members.
  package init() {}

  /// The member of that name. Setting a new one appends it, setting nil removes it.
  package subscript(name: String) -> JSONNode? {
    get { values[name] }
    set {
      if values[name] == nil, newValue != nil { names.append(name) }
      if newValue == nil { names.removeAll { $0 == name } }
      values[name] = newValue
    }
  }

  /// Number of members.
  package var count: Int { names.count }
}

extension JSONMembers: ExpressibleByDictionaryLiteral {
  /// Members in this order; a later one of the same name wins.
  package init(dictionaryLiteral elements: (String, JSONNode)...) {
    for (name, value) in elements { self[name] = value }
  }
}

extension JSONNode: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// Text.
  package init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  package init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  package init(floatLiteral value: Double) { self = .number(value) }
  /// `true` or `false`.
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A list.
  package init(arrayLiteral elements: JSONNode...) { self = .array(elements) }
  /// `null`.
  package init(nilLiteral: ()) { self = .null }
  /// Members; a later one of the same name wins.
  package init(dictionaryLiteral elements: (String, JSONNode)...) {
    var object = JSONMembers()
    for (name, value) in elements { object[name] = value }
    self = .object(object)
  }
}
