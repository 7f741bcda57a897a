internal import Foundation

/// A file of rows, mapped and not copied; a gzip file is inflated first.
struct DataFile: Sendable {
  let path: String
  /// Name of the file for errors.
  let name: String
  let format: DataFormat
  private let data: Data
  /// Whether the bytes are those of the file at `path`, not inflated ones.
  private let isMapped: Bool

  init(path: String) throws(DatasetError) {
    self.path = path
    name = (path as NSString).lastPathComponent
    var status = stat()
    if stat(path, &status) == 0 {
      switch status.st_mode & S_IFMT {
      case S_IFREG: break
      case S_IFDIR: throw .unreadable(path: path, reason: "it is a directory")
      default: throw .notRegular(path: path)
      }
    }
    let file: Data
    do {
      file = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? error.localizedDescription : "there is no such file"
      throw .unreadable(path: path, reason: reason)
    }
    isMapped = !file.starts(with: GzipFile.magic)
    data = isMapped ? file : try GzipFile.inflate(file, path: path)
    format = data.withUnsafeBytes { DataFormat(path: path, first: $0.bindMemory(to: UInt8.self)) }
  }

  /// Bytes, after inflating.
  var count: Int { data.count }

  /// Gives all bytes to `body`. Bytes that a mapped file does not have any more would end the process when they are read, so its
  /// size is looked at first.
  func withBytes<Value>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Value
  ) throws(DatasetError) -> Value {
    var status = stat()
    if isMapped, stat(path, &status) == 0, Int(status.st_size) < data.count {
      throw .unreadable(path: path, reason: "it became shorter while it was read")
    }
    return try data.withUnsafeBytes { raw in
      Result { () throws(DatasetError) in try body(raw.bindMemory(to: UInt8.self)) }
    }.get()
  }
}
