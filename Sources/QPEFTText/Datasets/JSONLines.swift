internal import Foundation
internal import QPEFTJSON

/// The lines of a JSONL file, mapped and not copied.
struct JSONLines {
  let path: String
  /// Name of the file for errors.
  let name: String
  private let data: Data

  init(path: String) throws(DatasetError) {
    self.path = path
    name = (path as NSString).lastPathComponent
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? error.localizedDescription : "there is no such file"
      throw .unreadable(path: path, reason: reason)
    }
  }

  /// Calls `row` for every line that is not blank, with its number from 1. Line ends may be `\n` or `\r\n`; a byte
  /// order mark in front is skipped.
  func forEach(
    _ row: (_ line: Int, _ bytes: UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    let result = data.withUnsafeBytes { raw -> Result<Void, DatasetError> in
      let bytes = raw.bindMemory(to: UInt8.self)
      return Result { () throws(DatasetError) in try Self.lines(bytes, row) }
    }
    try result.get()
  }

  private static func lines(
    _ bytes: UnsafeBufferPointer<UInt8>,
    _ row: (_ line: Int, _ bytes: UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var number = 0
    while start < bytes.count {
      let end = Self.lineEnd(in: bytes, from: start)
      var line = UnsafeBufferPointer(rebasing: bytes[start..<end])
      start = end + 1
      number += 1
      while let last = line.last, last == 0x0D || last == 0x20 || last == 0x09 {
        line = UnsafeBufferPointer(rebasing: line.dropLast())
      }
      if !line.isEmpty { try row(number, line) }
    }
  }

  private static func lineEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else {
      return bytes.count
    }
    return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
  }

  /// The object on a line.
  func object(_ bytes: UnsafeBufferPointer<UInt8>, line: Int) throws(DatasetError) -> JSONObject {
    if let position = UTF8Validation.firstInvalid(in: bytes) {
      throw .invalidUTF8(file: name, line: line, byte: position + 1)
    }
    let value: JSONValue
    do {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw .malformedJSON(file: name, line: line, column: error.column, reason: error.reason)
    }
    guard case .object(let object) = value else { throw .notAnObject(file: name, line: line, found: value.kind) }
    return object
  }
}
