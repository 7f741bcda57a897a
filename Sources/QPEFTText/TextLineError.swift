public import Foundation

/// Why a line of text cannot be used; each case names the file and the line.
public enum TextLineError: Error, Equatable, CustomStringConvertible {
  /// The stream cannot be read on.
  case unreadable(file: String, reason: String)
  /// More bytes than a line may have.
  case tooLong(file: String, line: Int, limit: Int)
  /// Not valid UTF-8, at a byte of the line counted from 1.
  case invalidUTF8(file: String, line: Int, byte: Int)
  /// A zero byte in plain text, at a byte of the line counted from 1.
  case nulByte(file: String, line: Int, byte: Int)
  /// No JSON.
  case malformedJSON(file: String, line: Int, column: Int, reason: String)
  /// JSON of another kind.
  case wrongKind(file: String, line: Int, found: String, expected: String)

  /// Whether the lines behind can still be read.
  public var concernsOneLine: Bool { if case .unreadable = self { false } else { true } }

  /// What happened, and where.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "cannot read \(file): \(reason)"
    case .tooLong(let file, let line, let limit): "\(file), line \(line): longer than \(limit) bytes"
    case .invalidUTF8(let file, let line, let byte): "\(file), line \(line): invalid UTF-8 at byte \(byte) of the line"
    case .nulByte(let file, let line, let byte): "\(file), line \(line): a zero byte at byte \(byte) of the line"
    case .malformedJSON(let file, let line, let column, let reason):
      "\(file), line \(line): not valid JSON: \(reason) at column \(column)"
    case .wrongKind(let file, let line, let found, let expected):
      "\(file), line \(line): \(found), not \(expected)"
    }
  }

  /// What to do about it.
  public var remedy: String {
    switch self {
    case .unreadable: "check where the lines come from"
    case .tooLong: "break the line, or leave such lines out with --skip-bad"
    case .invalidUTF8: "save the text as UTF-8, or leave such lines out with --skip-bad"
    case .nulByte: "write zero bytes as \\u0000 in JSON strings (--json), or leave such lines out with --skip-bad"
    case .malformedJSON, .wrongKind: "write one JSON value on each line, or leave such lines out with --skip-bad"
    }
  }
}

extension TextLineError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
