/// A text file as one text.
public enum PlainText {
  /// The whole text of a file of UTF-8, also by gzip; a byte order mark in front is no part of it.
  /// - Throws: ``DatasetError`` where the file cannot be read or is no text.
  public static func read(_ path: String) throws(DatasetError) -> String {
    let file = try DataFile(path: path)
    return try file.withBytes { bytes throws(DatasetError) in
      let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
      let text = bytes.dropFirst(bytes.starts(with: mark) ? mark.count : 0)
      guard let content = String(validating: text, as: UTF8.self) else {
        throw .unreadable(path: path, reason: "it is not UTF-8 text")
      }
      return content
    }
  }
}
