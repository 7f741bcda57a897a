internal import Foundation

/// A file's bytes in memory, read-only, brought in page by page as they are used.
///
/// `@unchecked Sendable`: the bytes are mapped read-only for the life of the object.
public final class MappedFile: @unchecked Sendable {
  /// Path as given.
  public let path: String
  /// All bytes of the file; valid as long as this object lives.
  public let bytes: UnsafeRawBufferPointer

  /// Maps the file at `path`. An empty file has no bytes.
  public init(path: String) throws(MappedFileError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
    let count = Int(status.st_size)
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw .cannotMap(path: path, reason: String(cString: strerror(errno)))
    }
    bytes = UnsafeRawBufferPointer(start: address, count: count)
  }

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }
}
