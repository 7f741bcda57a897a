internal import QPEFTJSON

/// A text file as one text.
public enum PlainText {
  /// The whole text of a file of UTF-8, also by gzip; a byte order mark in front is no part of it.
  /// - Throws: ``DatasetError`` where the file cannot be read or is no text.
  public static func read(_ path: String) throws(DatasetError) -> String {
    let file = try DataFile(path: path)
    return try file.withBytes { bytes throws(DatasetError) in
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
      let text = UnsafeBufferPointer(rebasing: bytes.dropFirst(bytes.starts(with: mark) ? mark.count : 0))
      if let position = UTF8Validation.firstInvalid(in: text) {
        throw RowReader.invalidUTF8(text, position, file: file.name, line: 1)
      }
      return String(decoding: text, as: UTF8.self)
    }
  }
}
