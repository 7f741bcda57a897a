internal import Foundation

/// A file under a temporary name beside its place; it appears there whole, on `finish`, or never.
package final class OutputFile {
  package let path: String
  private let temporary: String
  private var descriptor: Int32

  /// Creates the temporary file.
  package init(path: String) throws(FileError) {
    self.path = path
    temporary = path + ".partial-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.last("create", path) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }

  /// Writes bytes at an offset.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let result = pwrite(
        descriptor, bytes.baseAddress.map { $0 + written }, min(bytes.count - written, 1 << 30), off_t(offset + written)
      )
      if result < 0 && errno == EINTR { continue }
      guard result > 0 else { throw FileError.last("write", path) }
      written += result
    }
  }

  /// Writes bytes at an offset.
  package func write(_ bytes: [UInt8], at offset: Int = 0) throws(FileError) {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(FileError) in try write(bytes, at: offset) }
    }
    try result.get()
  }

  /// Brings everything to the disk and gives the file its name.
  package func finish() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw FileError.last("write", path) }
    let result = close(descriptor)
    descriptor = -1
    guard result == 0, rename(temporary, path) == 0 else {
      let error = FileError.last("write", path)
      unlink(temporary)
      throw error
    }
  }

  /// Writes a whole small file.
  package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try OutputFile(path: path)
    try file.write(bytes)
    try file.finish()
  }
}
