internal import Foundation
internal import QPEFTFormats
internal import Synchronization

/// A file that is not all there yet; one process writes it at a time, and what is there stays when the process ends.
final class PartialFile: Sendable {
  let path: String
  /// Whether it began with bytes of an earlier process.
  let hasOldBytes: Bool
  private let descriptor: Int32
  private let written: Mutex<Int>

  /// Opens or makes the file; `name` is for errors.
  init(path: String, name: String) throws {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.last("create", path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw HubError.busy(file: name)
    }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    hasOldBytes = size > 0
    written = Mutex(max(0, size))
  }

  deinit { close(descriptor) }

  /// Bytes that are there.
  var count: Int { written.withLock { $0 } }

  func append(_ data: Data) throws(FileError) {
    try written.withLock { count throws(FileError) in
      var done = 0
      while done < data.count {
        let result = data.withUnsafeBytes { bytes in
          bytes.baseAddress.map { pwrite(descriptor, $0 + done, bytes.count - done, off_t(count)) } ?? 0
        }
        if result < 0 && errno == EINTR { continue }
        guard result > 0 else { throw FileError.last("write", path) }
        done += result
        count += result
      }
    }
  }

  /// Starts from nothing.
  func reset() throws(FileError) {
    try written.withLock { count throws(FileError) in
      guard ftruncate(descriptor, 0) == 0 else { throw FileError.last("write", path) }
      count = 0
    }
  }

  func sync() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw FileError.last("write", path) }
  }

  func remove() throws(FileError) {
    guard unlink(path) == 0 else { throw FileError.last("remove", path) }
  }

  /// Gives the whole file its name.
  func finish(as name: String) throws(FileError) {
    guard rename(path, name) == 0 else { throw FileError.last("create", name) }
  }
}
