internal import Foundation
internal import QPEFTJSON

/// The lines of a stream, one after the other, in memory for one line at a time.
///
/// A line that cannot be used is an error that names it; reading goes on behind it.
public struct TextLines {
  /// Lines above this are refused: 256 MiB.
  public static let longestLine = 1 << 28

  /// Number of the last line that was read, from 1.
  public private(set) var number = 0
  private let descriptor: Int32
  private let name: String
  private let limit: Int
  private var buffer: [UInt8] = []
  /// Where the line to come starts in `buffer`.
  private var start = 0
  private var isAtEnd = false
  private static let chunk = 1 << 18

  /// The lines of an open file; `name` stands in errors.
  public init(descriptor: Int32, name: String, longestLine: Int = TextLines.longestLine) {
    self.descriptor = descriptor
    self.name = name
    limit = longestLine
  }

  /// The next line as it stands, without its end (`\n` or `\r\n`); nil behind the last.
  /// - Throws: ``TextLineError``.
  public mutating func text() throws(TextLineError) -> String? {
    guard let range = try nextLine() else { return nil }
    if let byte = buffer[range].firstIndex(of: 0) {
      throw .nulByte(file: name, line: number, byte: byte - range.lowerBound + 1)
    }
    try checkUTF8(range)
    return String(decoding: buffer[range], as: UTF8.self)
  }

  /// The next line, which is a JSON string; nil behind the last.
  /// - Throws: ``TextLineError``.
  public mutating func jsonText() throws(TextLineError) -> String? {
    guard let value = try json() else { return nil }
    guard let text = value.string else {
      throw .wrongKind(file: name, line: number, found: value.kind, expected: "a string")
    }
    return text
  }

  /// The next line, which is a JSON array of token ids; nil behind the last.
  /// - Throws: ``TextLineError``.
  public mutating func ids() throws(TextLineError) -> [Int32]? {
    guard let value = try json() else { return nil }
    let expected = "an array of token ids"
    guard let items = value.array else {
      throw .wrongKind(file: name, line: number, found: value.kind, expected: expected)
    }
    var ids: [Int32] = []
    for item in items {
      guard let id = item.integer.flatMap({ Int32(exactly: $0) }), id >= 0 else {
        throw .wrongKind(file: name, line: number, found: "an array with other things", expected: expected)
      }
      ids.append(id)
    }
    return ids
  }

  private mutating func json() throws(TextLineError) -> JSONValue? {
    guard let range = try nextLine() else { return nil }
    try checkUTF8(range)
    let result = buffer[range].withUnsafeBufferPointer { bytes in
      Result { () throws(JSONError) in try JSONValue(parsing: bytes) }
    }
    do {
      return try result.get()
    } catch {
      throw .malformedJSON(file: name, line: number, column: error.column, reason: error.reason)
    }
  }

  private func checkUTF8(_ range: Range<Int>) throws(TextLineError) {
    guard let place = buffer[range].withUnsafeBufferPointer({ UTF8Validation.firstInvalid(in: $0) }) else { return }
    throw .invalidUTF8(file: name, line: number, byte: place + 1)
  }

  /// Where the next line lies in `buffer`; nil behind the last.
  private mutating func nextLine() throws(TextLineError) -> Range<Int>? {
    var searched = start
    var isTooLong = false
    while true {
      if let end = newline(from: searched) {
        return try finish(start..<end, next: end + 1, isTooLong)
      }
      if isAtEnd {
        if start == buffer.count, !isTooLong { return nil }
        return try finish(start..<buffer.count, next: buffer.count, isTooLong)
      }
      if buffer.count - start > limit {
        isTooLong = true
        start = buffer.count
      }
      buffer.removeSubrange(..<start)
      start = 0
      searched = buffer.count
      try read()
    }
  }

  private mutating func finish(_ line: Range<Int>, next: Int, _ isTooLong: Bool) throws(TextLineError) -> Range<Int> {
    start = next
    number += 1
    if isTooLong || line.count > limit { throw .tooLong(file: name, line: number, limit: limit) }
    let endsInReturn = !line.isEmpty && buffer[line.upperBound - 1] == 0x0D
    return line.lowerBound..<(endsInReturn ? line.upperBound - 1 : line.upperBound)
  }

  private func newline(from place: Int) -> Int? {
    buffer.withUnsafeBytes { bytes in
      guard place < bytes.count, let base = bytes.baseAddress,
        let found = memchr(base + place, 0x0A, bytes.count - place)
      else { return nil }
      return base.distance(to: UnsafeRawPointer(found))
    }
  }

  private mutating func read() throws(TextLineError) {
    let old = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: Self.chunk))
    while true {
      let count = buffer.withUnsafeMutableBytes { bytes in
        Foundation.read(descriptor, bytes.baseAddress.map { $0 + old }, Self.chunk)
      }
      if count < 0, errno == EINTR { continue }
      buffer.removeLast(Self.chunk - max(count, 0))
      if count < 0 { throw .unreadable(file: name, reason: String(cString: strerror(errno))) }
      isAtEnd = count == 0
      return
    }
  }
}
