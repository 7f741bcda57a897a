/// Reads a GGUF header from front to back; never past the end of the bytes.
struct GGUFCursor {
  let bytes: UnsafeRawBufferPointer
  let file: String
  private(set) var offset = 0
  /// Values of a list of the metadata at most; the longest are vocabularies, a few hundred thousand.
  private static let longestList = 1 << 24

  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  var remaining: Int { bytes.count - offset }

  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type, _ part: String) throws(GGUFError) -> Number {
    let width = MemoryLayout<Number>.size
    guard remaining >= width else { throw .truncated(file: file, part: part) }
    defer { offset += width }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
  }

  /// A count of things that take at least `width` bytes each.
  mutating func count(of part: String, width: Int) throws(GGUFError) -> Int {
    let count = try number(UInt64.self, part)
    guard count <= UInt64(remaining / width) else { throw .impossibleCount(file: file, part: part, count: count) }
    return Int(count)
  }

  mutating func text(_ part: String) throws(GGUFError) -> [UInt8] {
    let length = try number(UInt64.self, part)
    guard length <= UInt64(remaining) else { throw .truncated(file: file, part: part) }
    defer { offset += Int(length) }
    return Array(bytes[offset..<(offset + Int(length))])
  }

  /// Bytes that are known to be there.
  private mutating func take(_ count: Int) -> Slice<UnsafeRawBufferPointer> {
    defer { offset += count }
    return bytes[offset..<(offset + count)]
  }

  mutating func name(_ part: String) throws(GGUFError) -> String {
    guard let name = String(validating: try text(part), as: UTF8.self) else {
      throw .metadata(file: file, key: part, problem: "is not UTF-8 text")
    }
    return name
  }

  mutating func value(of key: String) throws(GGUFError) -> GGUFValue {
    try value(type: try number(UInt32.self, key), key: key, depth: 0)
  }

  private mutating func value(type: UInt32, key: String, depth: Int) throws(GGUFError) -> GGUFValue {
    switch type {
    case 0: return .unsigned(UInt64(try number(UInt8.self, key)))
    case 1: return .signed(Int64(try number(Int8.self, key)))
    case 2: return .unsigned(UInt64(try number(UInt16.self, key)))
    case 3: return .signed(Int64(try number(Int16.self, key)))
    case 4: return .unsigned(UInt64(try number(UInt32.self, key)))
    case 5: return .signed(Int64(try number(Int32.self, key)))
    case 6: return .float(Float(bitPattern: try number(UInt32.self, key)))
    case 7: return .bool(try number(UInt8.self, key) != 0)
    case 8: return .text(try text(key))
    case 9:
      guard depth < 4 else { throw .metadata(file: file, key: key, problem: "lists nest too deep") }
      let element = try number(UInt32.self, key)
      let widths = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8]
      guard element < widths.count else {
        throw .metadata(file: file, key: key, problem: "the value type \(element) does not exist")
      }
      let count = try count(of: "values of \(key)", width: widths[Int(element)])
      guard count <= Self.longestList else {
        throw .metadata(file: file, key: key, problem: "has \(count) values, more than \(Self.longestList)")
      }
      // A value takes sixteen bytes in memory; where a file spends one on each, they stay bytes.
      switch element {
      case 0: return .bytes(Array(take(count)))
      case 1: return .signedBytes(take(count).map { Int8(bitPattern: $0) })
      case 7: return .bools(take(count).map { $0 != 0 })
      default: break
      }
      var values: [GGUFValue] = []
      values.reserveCapacity(count)
      for _ in 0..<count { values.append(try value(type: element, key: key, depth: depth + 1)) }
      return .list(values)
    case 10: return .unsigned(try number(UInt64.self, key))
    case 11: return .signed(try number(Int64.self, key))
    case 12: return .double(Double(bitPattern: try number(UInt64.self, key)))
    default: throw .metadata(file: file, key: key, problem: "the value type \(type) does not exist")
    }
  }
}
