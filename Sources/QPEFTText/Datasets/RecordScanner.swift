internal import Foundation

/// Finds where one row after the other stands in a file, without reading what it says.
struct RecordScanner {
  /// A row's bytes, and the line on which it starts, from 1.
  struct Record: Sendable {
    var range: Range<Int>
    var line: Int
  }

  let file: String
  let format: DataFormat
  private(set) var position: Int
  private(set) var line = 1
  private var isInArray = false

  init(_ bytes: UnsafeBufferPointer<UInt8>, file: String, format: DataFormat) {
    self.file = file
    self.format = format
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  /// The next row; nil at the end.
  mutating func next(in bytes: UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Record? {
    switch format {
    case .jsonLines: nextLine(in: bytes)
    case .csv(let delimiter): nextCSV(in: bytes, delimiter)
    case .jsonArray: try nextElement(in: bytes)
    case .text: nil
    }
  }

  // MARK: Lines

  /// A line that is not blank, without the white space behind it.
  private mutating func nextLine(in bytes: UnsafeBufferPointer<UInt8>) -> Record? {
    while position < bytes.count {
      let start = position
      var end = Self.lineEnd(in: bytes, from: start)
      position = end + 1
      line += 1
      while end > start, bytes[end - 1].isJSONSpace { end -= 1 }
      if end > start { return Record(range: start..<end, line: line - 1) }
    }
    return nil
  }

  static func lineEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else {
      return bytes.count
    }
    return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
  }

  // MARK: CSV

  /// A record of CSV: it ends with a line end outside of quotes. Quotes are opened at the start of a value alone, so that a
  /// stray one (5" in a bare value) spoils its own row and no other.
  private mutating func nextCSV(in bytes: UnsafeBufferPointer<UInt8>, _ delimiter: UInt8) -> Record? {
    let quote = UInt8(ascii: "\"")
    while position < bytes.count {
      let start = position
      let first = line
      var isQuoted = false
      var isAtStart = true
      while position < bytes.count {
        let byte = bytes[position]
        if byte == quote, isQuoted {
          // Two of them are one of the text.
          if position + 1 < bytes.count, bytes[position + 1] == quote { position += 1 } else { isQuoted = false }
        } else if byte == quote, isAtStart {
          isQuoted = true
        }
        isAtStart = byte == delimiter && !isQuoted
        if byte == 0x0A {
          line += 1
          if !isQuoted { break }
        }
        position += 1
      }
      var end = position
      position += 1
      if end > start, bytes[end - 1] == 0x0D { end -= 1 }
      if end > start { return Record(range: start..<end, line: first) }
    }
    return nil
  }

  // MARK: JSON arrays

  /// An element of the array that is the file.
  private mutating func nextElement(in bytes: UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Record? {
    skipSpace(in: bytes)
    if !isInArray {
      if position == bytes.count { return nil }
      position += 1  // The '[' by which the format is known.
      isInArray = true
      skipSpace(in: bytes)
      if position < bytes.count, bytes[position] == UInt8(ascii: "]") { return try end(in: bytes) }
    }
    guard position < bytes.count else {
      // Behind the end of the array, or its end is missing.
      if isAtEnd { return nil }
      throw .malformedJSON(file: file, line: line, column: 1, reason: "the array has no end")
    }
    let start = position
    let first = line
    skipElement(in: bytes)
    var end = position
    while end > start, bytes[end - 1].isJSONSpace { end -= 1 }
    guard position < bytes.count else {
      throw .malformedJSON(file: file, line: first, column: 1, reason: "this element of the array has no end")
    }
    if bytes[position] == UInt8(ascii: ",") {
      position += 1
    } else {
      _ = try self.end(in: bytes)
    }
    return Record(range: start..<end, line: first)
  }

  private var isAtEnd = false

  private mutating func end(in bytes: UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Record? {
    position += 1
    skipSpace(in: bytes)
    guard position == bytes.count else {
      throw .malformedJSON(file: file, line: line, column: 1, reason: "something follows the end of the array")
    }
    isAtEnd = true
    return nil
  }

  private mutating func skipSpace(in bytes: UnsafeBufferPointer<UInt8>) {
    while position < bytes.count, bytes[position].isJSONSpace {
      if bytes[position] == 0x0A { line += 1 }
      position += 1
    }
  }

  /// Goes to the comma or bracket behind an element.
  private mutating func skipElement(in bytes: UnsafeBufferPointer<UInt8>) {
    var depth = 0
    var isInString = false
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x0A { line += 1 }
      if isInString {
        if byte == UInt8(ascii: "\\") { position += 1 }
        if byte == UInt8(ascii: "\"") { isInString = false }
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if depth == 0 { return }
          depth -= 1
        case UInt8(ascii: ","): if depth == 0 { return }
        default: break
        }
      }
      position += 1
    }
    position = min(position, bytes.count)
  }
}
