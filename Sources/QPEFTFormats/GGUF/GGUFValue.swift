/// A metadata value of a GGUF file.
public enum GGUFValue: Hashable, Sendable {
  /// Any of the integer types, unsigned or signed.
  case unsigned(UInt64)
  case signed(Int64)
  /// float32 and float64.
  case float(Float)
  case double(Double)
  /// A truth value, text as it is stored (it should be UTF-8), a list.
  case bool(Bool)
  case text([UInt8])
  case list([GGUFValue])
  /// Lists of numbers of one byte and of truth values, as they are stored.
  case bytes([UInt8])
  case signedBytes([Int8])
  case bools([Bool])

  /// The number of an integer, if it fits.
  public var integer: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .signed(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The number of any numeric type; a float32 as its shortest decimal reads (1e-05, not 9.99999974e-06).
  public var number: Double? {
    switch self {
    case .unsigned(let value): Double(value)
    case .signed(let value): Double(value)
    case .float(let value): value.isFinite ? Double("\(value)") : Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// A truth value.
  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// Text, if it is UTF-8.
  public var string: String? {
    guard case .text(let bytes) = self else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The values of a list.
  public var list: [GGUFValue]? {
    switch self {
    case .list(let values): values
    case .bytes(let values): values.map { .unsigned(UInt64($0)) }
    case .signedBytes(let values): values.map { .signed(Int64($0)) }
    case .bools(let values): values.map { .bool($0) }
    default: nil
    }
  }
}
