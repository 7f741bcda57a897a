/// Reads the fields of a protocol buffer message one after the other, never beyond its end.
struct ProtobufReader {
  enum Value {
    case integer(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// A text, bytes or a message: where it lies in the bytes.
    case bytes(Range<Int>)
  }

  /// A message that ends too soon, or a field that is none.
  struct Malformed: Error { var offset: Int }

  let bytes: [UInt8]
  private(set) var position: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field; nil at the end of the message.
  mutating func next() throws(Malformed) -> (field: Int, value: Value)? {
    if position == end { return nil }
    let tag = try integer()
    guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw Malformed(offset: position) }
    let value: Value
    switch tag & 7 {
    case 0: value = .integer(try integer())
    case 1: value = .fixed64(try fixed(8))
    case 2:
      let count = try integer()
      guard count <= UInt64(end - position) else { throw Malformed(offset: position) }
      value = .bytes(position..<position + Int(count))
      position += Int(count)
    case 5: value = .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))
    default: throw Malformed(offset: position)
    }
    return (Int(tag >> 3), value)
  }

  private mutating func integer() throws(Malformed) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard position < end else { throw Malformed(offset: position) }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw Malformed(offset: position)
  }

  private mutating func fixed(_ count: Int) throws(Malformed) -> UInt64 {
    guard count <= end - position else { throw Malformed(offset: position) }
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
    position += count
    return value
  }
}
