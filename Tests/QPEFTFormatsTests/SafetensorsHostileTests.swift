import Foundation
import QPEFTFormats
import Testing

@Suite("Safetensors from strangers") struct SafetensorsHostileTests {
  /// Opens a file of those bytes and returns what it throws.
  private func failure(_ bytes: [UInt8]) throws -> SafetensorsError? {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try write(bytes, to: path)
      do {
        _ = try SafetensorsFile(path: path)
        return nil
      } catch let error as SafetensorsError {
        #expect(!"\(error)".isEmpty)
        return error
      }
    }
  }

  private func failure(header: String, data: Int) throws -> SafetensorsError? {
    try failure(safetensors(header: header, data: data))
  }

  @Test func `a file cut off at any byte is refused`() throws {
    let whole = safetensors(
      header: #"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#, data: 24)
    #expect(try failure(whole) == nil)
    for count in 0..<whole.count { #expect(try failure(Array(whole[..<count])) != nil, "\(count) bytes") }
  }

  @Test func `a header over the limit is refused before it is read`() throws {
    for length in [UInt64.max, 1 << 63, 100_000_001] {
      let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + [UInt8(ascii: "{")]
      guard case .headerTooLarge = try failure(bytes) else {
        Issue.record("a header of \(length) bytes was not refused")
        continue
      }
    }
  }

  @Test func `a header longer than the file is refused`() throws {
    let bytes = withUnsafeBytes(of: UInt64(1000).littleEndian) { Array($0) } + Array("{}".utf8)
    guard case .headerBeyondFile(_, 1000, 10) = try failure(bytes) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func `a tensor beyond the end of the file is refused`() throws {
    let error = try failure(header: #"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, data: 8)
    guard case .beyondFile(_, "a", 9, 8) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `offsets that lie about the size are refused`() throws {
    let error = try failure(header: #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, data: 8)
    guard case .byteCount(_, "a", 12, 8) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "offsets that are no start and end are refused",
    arguments: ["[8,0]", "[-1,7]", "[0]", "[0,8,9]", "[0.5,8]", "8", "null", "[0,99999999999999999999]"])
  func offsets(_ offsets: String) throws {
    let error = try failure(header: #"{"a":{"dtype":"U8","shape":[8],"data_offsets":\#(offsets)}}"#, data: 8)
    guard case .malformed(_, "a", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "shapes that are no list of sizes are refused",
    arguments: ["[-1]", "8", #"["8"]"#, "null", "[1e1]", "[99999999999999999999]"])
  func shapes(_ shape: String) throws {
    let error = try failure(header: #"{"a":{"dtype":"U8","shape":\#(shape),"data_offsets":[0,8]}}"#, data: 8)
    guard case .malformed(_, "a", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "shapes whose product overflows are refused",
    arguments: ["[4294967296,4294967296]", "[9223372036854775807,2]", "[9223372036854775807]"])
  func overflow(_ shape: String) throws {
    let error = try failure(header: #"{"a":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,0]}}"#, data: 0)
    guard case .shapeOverflow(_, "a", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `an unknown number type is refused by name`() throws {
    let error = try failure(header: #"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, data: 8)
    guard case .unknownType(_, "a", "F31") = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `two tensors of one name are refused`() throws {
    let entry = #""a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#
    let error = try failure(header: "{\(entry),\(entry)}", data: 4)
    guard case .duplicateTensor(_, "a") = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `two names that Unicode takes for the same are refused`() throws {
    let places = [("\u{E9}", "[0,4]"), ("e\u{301}", "[4,8]")].map {
      #""\#($0.0)":{"dtype":"U8","shape":[4],"data_offsets":\#($0.1)}"#
    }
    guard case .duplicateTensor = try failure(header: "{\(places.joined(separator: ","))}", data: 8) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func `tensors that share bytes are refused`() throws {
    let error = try failure(
      header:
        #"{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
      data: 8)
    guard case .overlap(_, "b", "a") = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `bytes that belong to no tensor are refused`() throws {
    let header = #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#
    guard case .unclaimedBytes(_, "a", 4) = try failure(header: header, data: 8) else {
      Issue.record("a hole was not refused")
      return
    }
    let tail = #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#
    guard case .unclaimedBytes(_, nil, 4) = try failure(header: tail, data: 8) else {
      Issue.record("a tail was not refused")
      return
    }
  }

  @Test func `a header nested without end is refused, not followed`() throws {
    let error = try failure(header: String(repeating: "[", count: 1_000_000), data: 0)
    guard case .headerNotJSON = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "headers that are not JSON are refused",
    arguments: [
      "", "{", "[]x", "{\"a\"}", "{'a':1}", "{\"a\":1,}", "nul", "{\"\\ud800\":1}", "{\"a\u{1}\":1}", "01", "-", "1.",
      "1e", "\"\\q\"", "{} {}", "+1", ".5",
    ])
  func notJSON(_ header: String) throws {
    guard case .headerNotJSON = try failure(header: header, data: 0) else {
      Issue.record("\(header) was read")
      return
    }
  }

  @Test func `bytes that are not UTF-8 in a name are refused`() throws {
    var bytes = safetensors(header: #"{"aa":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, data: 0)
    bytes[10] = 0xFF
    guard case .headerNotJSON = try failure(bytes) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func `no single changed byte of a small file makes reading trap`() throws {
    let whole = safetensors(
      header:
        #"{"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}"#,
      data: 9)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      for index in 0..<(whole.count - 9) {
        for value: UInt8 in [0x00, 0x22, 0x2D, 0x39, 0x5B, 0x7B, 0xFF] {
          var bytes = whole
          bytes[index] = value
          try write(bytes, to: path)
          guard let file = try? SafetensorsFile(path: path) else { continue }
          for entry in file.entries { #expect(file.bytes(entry).count == entry.range.count) }
        }
      }
    }
  }
}
