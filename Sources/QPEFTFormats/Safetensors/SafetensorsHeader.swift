internal import QPEFTJSON
/// The header of a safetensors file, checked against the size of the file. Nothing in it is believed before it is checked.
struct SafetensorsHeader {
  var entries: [SafetensorsFile.Entry] = []
  var metadata: [String: String] = [:]

  /// Reads the header of `bytes`; `file` is the name in errors.
  init(_ bytes: UnsafeRawBufferPointer, file: String) throws(SafetensorsError) {
    guard bytes.count >= 8 else { throw .noHeader(file: file, bytes: bytes.count) }
    let claimed = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard claimed <= SafetensorsFile.headerLimit else {
      throw .headerTooLarge(file: file, bytes: claimed, limit: SafetensorsFile.headerLimit)
    }
    let dataStart = 8 + Int(claimed)
    guard dataStart <= bytes.count else {
      throw .headerBeyondFile(file: file, bytes: Int(claimed), fileBytes: bytes.count)
    }
    let json: JSONValue
    let header = UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]).bindMemory(to: UInt8.self)
    do { json = try JSONValue(parsing: header, repeatedNames: .refused) } catch {
      if let name = error.repeatedName { throw .duplicateTensor(file: file, tensor: name) }
      throw .headerNotJSON(file: file, problem: "\(error)")
    }
    guard let object = json.object else {
      throw .malformed(file: file, tensor: "header", problem: "is not a JSON object")
    }
    entries.reserveCapacity(object.count)
    for (name, value) in object.members {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, file: file)
      } else {
        entries.append(try Self.entry(name, value, dataStart: dataStart, end: bytes.count, file: file))
      }
    }
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound, $0.name) < ($1.range.lowerBound, $1.range.upperBound, $1.name)
    }
    try checkCoverage(from: dataStart, to: bytes.count, file: file)
  }

  private static func metadata(_ value: JSONValue, file: String) throws(SafetensorsError) -> [String: String] {
    if value == .null { return [:] }  // As mlx writes it; the format's own reader takes it for none.
    guard let object = value.object else {
      throw .malformed(file: file, tensor: "__metadata__", problem: "is not a JSON object")
    }
    var metadata: [String: String] = [:]
    for (name, value) in object.members {
      guard let text = value.string else {
        throw .malformed(file: file, tensor: "__metadata__", problem: "\(name) is not a string")
      }
      metadata[name] = text
    }
    return metadata
  }

  private static func entry(
    _ name: String, _ value: JSONValue, dataStart: Int, end: Int, file: String
  ) throws(SafetensorsError) -> SafetensorsFile.Entry {
    guard let typeName = value["dtype"]?.string else {
      throw .malformed(file: file, tensor: name, problem: "has no dtype")
    }
    guard let type = SafetensorsType(rawValue: typeName) else {
      throw .unknownType(file: file, tensor: name, type: typeName)
    }
    guard let shape = value["shape"]?.array?.map({ $0.integer ?? -1 }), shape.allSatisfy({ $0 >= 0 }) else {
      throw .malformed(file: file, tensor: name, problem: "its shape is not a list of sizes")
    }
    guard let offsets = value["data_offsets"]?.array?.map({ $0.integer ?? -1 }), offsets.count == 2,
      offsets.allSatisfy({ $0 >= 0 }), offsets[0] <= offsets[1]
    else { throw .malformed(file: file, tensor: name, problem: "its data_offsets are not a start and an end") }
    var expected = type.byteWidth
    for extent in shape {
      let (product, overflow) = expected.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw .shapeOverflow(file: file, tensor: name, shape: shape) }
      expected = product
    }
    let found = offsets[1] - offsets[0]
    guard found == expected else { throw .byteCount(file: file, tensor: name, expected: expected, found: found) }
    guard offsets[1] <= end - dataStart else {
      throw .beyondFile(file: file, tensor: name, end: offsets[1], dataBytes: end - dataStart)
    }
    return SafetensorsFile.Entry(
      name: name, type: type, shape: shape, range: (dataStart + offsets[0])..<(dataStart + offsets[1]))
  }

  /// The tensors fill the data part without hole and without overlap.
  private func checkCoverage(from start: Int, to end: Int, file: String) throws(SafetensorsError) {
    var reached = start
    var last = ""
    for entry in entries {
      guard entry.range.lowerBound >= reached else {
        throw .overlap(file: file, tensor: entry.name, other: last)
      }
      guard entry.range.lowerBound == reached else {
        throw .unclaimedBytes(file: file, before: entry.name, bytes: entry.range.lowerBound - reached)
      }
      reached = entry.range.upperBound
      last = entry.name
    }
    guard reached == end else { throw .unclaimedBytes(file: file, before: nil, bytes: end - reached) }
  }
}
