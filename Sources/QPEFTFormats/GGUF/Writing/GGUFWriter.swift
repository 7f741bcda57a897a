/// Writes a GGUF file (version 3, little-endian): metadata first, then tensors in any order and in pieces. It appears under its
/// name on `finish`, complete and on the disk.
package final class GGUFWriter {
  /// A metadata value, with the type that readers of its key expect.
  package enum Value {
    case unsigned(UInt32)
    case float(Float)
    case bool(Bool)
    case text([UInt8])
    case texts([[UInt8]])
    case integers([Int32])
    case floats([Float])

    /// Text.
    package static func text(_ string: String) -> Value { .text(Array(string.utf8)) }
  }

  /// A tensor that will be written.
  package struct Plan {
    /// Name as llama.cpp has it.
    package let name: String
    /// How its numbers are stored.
    package let type: GGUFType
    /// Extents, outermost first (the file has them the other way round). Rows are whole blocks.
    package let shape: [Int]

    /// A tensor by name, type and shape.
    package init(name: String, type: GGUFType, shape: [Int]) {
      precondition((shape.last ?? 1) % type.blockCount == 0, "\(shape) has no whole blocks of \(type.name)")
      self.name = name
      self.type = type
      self.shape = shape
    }

    /// Bytes of its numbers.
    package var byteCount: Int { shape.reduce(1, *) / type.blockCount * type.blockBytes }
  }

  private static let alignment = 32
  private let file: OutputFile
  private var starts: [String: Int] = [:]
  /// Bytes of the whole file.
  package let byteCount: Int

  /// Plans a file at `path`, after seeing that the disk has room for it.
  /// - Precondition: names are distinct.
  package init(path: String, metadata: [(key: String, value: Value)], tensors: [Plan]) throws(FileError) {
    var header = Bytes()
    header.append("GGUF".utf8)
    header.append(UInt32(3))
    header.append(UInt64(tensors.count))
    header.append(UInt64(metadata.count))
    for (key, value) in metadata {
      header.append(text: Array(key.utf8))
      header.append(value)
    }
    var offset = 0
    for tensor in tensors {
      header.append(text: Array(tensor.name.utf8))
      header.append(UInt32(tensor.shape.count))
      for extent in tensor.shape.reversed() { header.append(UInt64(extent)) }
      header.append(tensor.type.rawValue)
      header.append(UInt64(offset))
      let other = starts.updateValue(offset, forKey: tensor.name)
      precondition(other == nil, "\(tensor.name) was planned twice")
      offset += Self.aligned(tensor.byteCount)
    }
    let dataStart = Self.aligned(header.bytes.count)
    header.append(repeatElement(UInt8(0), count: dataStart - header.bytes.count))
    byteCount = dataStart + offset
    try OutputDirectory.checkSpace(at: path, needed: byteCount)
    file = try OutputFile(path: path)
    for (name, start) in starts { starts[name] = dataStart + start }
    try file.write(header.bytes)
    // The padding of the last tensor belongs to the file.
    if offset > 0 { try file.write([0], at: byteCount - 1) }
  }

  /// Writes bytes of a tensor, from the offset `offset` inside of it. Traps for a tensor that was not planned.
  package func write(_ name: String, _ bytes: UnsafeRawBufferPointer, at offset: Int = 0) throws(FileError) {
    guard let start = starts[name] else { preconditionFailure("\(name) was not planned") }
    try file.write(bytes, at: start + offset)
  }

  /// Gives the file its name.
  package func finish() throws(FileError) { try file.finish() }

  private static func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}

/// Bytes of a header.
private struct Bytes {
  var bytes: [UInt8] = []

  mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }
  mutating func append(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { append($0) } }

  mutating func append(text: [UInt8]) {
    append(UInt64(text.count))
    append(text)
  }

  private mutating func append(list type: UInt32, count: Int) {
    append(UInt32(9))
    append(type)
    append(UInt64(count))
  }

  /// A value behind the number of its type.
  mutating func append(_ value: GGUFWriter.Value) {
    switch value {
    case .unsigned(let number):
      append(UInt32(4))
      append(number)
    case .float(let number):
      append(UInt32(6))
      append(number.bitPattern)
    case .bool(let flag):
      append(UInt32(7))
      append(UInt8(flag ? 1 : 0))
    case .text(let text):
      append(UInt32(8))
      append(text: text)
    case .texts(let texts):
      append(list: 8, count: texts.count)
      for text in texts { append(text: text) }
    case .integers(let numbers):
      append(list: 5, count: numbers.count)
      for number in numbers { append(number) }
    case .floats(let numbers):
      append(list: 6, count: numbers.count)
      for number in numbers { append(number.bitPattern) }
    }
  }
}
