/// A JSON value as it stands in a file: whole numbers stay whole, members keep their order.
public indirect enum JSONValue: Hashable, Sendable {
  /// `null`, `true` or `false`, a whole number that fits 64 bits, any other number.
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  /// Text, a list, and named members.
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// The member of that name, if this is an object that has it.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let object) = self else { return nil }
    return object[name]
  }

  /// The text of a string.
  public var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// A whole number.
  public var integer: Int? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  /// Any number.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// `true` or `false`.
  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The values of a list.
  public var array: [JSONValue]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  /// The members of an object.
  public var object: JSONObject? {
    guard case .object(let value) = self else { return nil }
    return value
  }
}

/// Named members in the order of the file.
public struct JSONObject: Hashable, Sendable {
  /// Names in order.
  public private(set) var names: [String] = []
  private var values: [String: JSONValue] = [:]

  /// No members.
  public init() {}

  /// The member of that name. Setting a new one appends it, setting nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { values[name] }
    set {
      if values[name] == nil, newValue != nil { names.append(name) }
      if newValue == nil { names.removeAll { $0 == name } }
      values[name] = newValue
    }
  }

  /// Number of members.
  public var count: Int { names.count }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// Members in this order; a later one of the same name wins.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (name, value) in elements { self[name] = value }
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
    var object = JSONObject()
    for (name, value) in elements { object[name] = value }
    self = .object(object)
  }
}
