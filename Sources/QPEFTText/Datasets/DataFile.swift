internal import Foundation

/// A file of rows, mapped and not copied; a gzip file is inflated first.
struct DataFile: Sendable {
  let path: String
  /// Name of the file for errors.
  let name: String
  let format: DataFormat
  private let data: Data

  init(path: String) throws(DatasetError) {
    self.path = path
    name = (path as NSString).lastPathComponent
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
      throw .unreadable(path: path, reason: "it is a directory")
    }
    let file: Data
    do {
      file = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? error.localizedDescription : "there is no such file"
      throw .unreadable(path: path, reason: reason)
    }
    data = file.starts(with: GzipFile.magic) ? try GzipFile.inflate(file, path: path) : file
    format = data.withUnsafeBytes { DataFormat(path: path, first: $0.bindMemory(to: UInt8.self)) }
  }

  /// Bytes, after inflating.
  var count: Int { data.count }

  /// Gives all bytes to `body`.
  func withBytes<Value>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(DatasetError) -> Value
  ) throws(DatasetError) -> Value {
    try data.withUnsafeBytes { raw in
      Result { () throws(DatasetError) in try body(raw.bindMemory(to: UInt8.self)) }
    }.get()
  }
}
