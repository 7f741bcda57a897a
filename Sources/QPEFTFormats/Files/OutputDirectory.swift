internal import Foundation

/// A directory under a temporary name beside its place; it appears there whole, on `finish`, or never.
package final class OutputDirectory {
  package let path: String
  /// Where files are written until `finish`.
  package let temporary: String
  private var isOpen = true

  /// Makes the temporary directory. An existing `path` must be an empty directory.
  package init(path: String) throws(FileError) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    temporary = path + ".partial-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    if FileManager.default.fileExists(atPath: path) {
      guard let contents = try? FileManager.default.contentsOfDirectory(atPath: path), contents.isEmpty else {
        throw .outputNotEmpty(path: path)
      }
    }
    do {
      try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    } catch { throw FileError.last("create", path) }
  }

  deinit { if isOpen { discard() } }

  /// Path of a file to be.
  package func file(_ name: String) -> String { temporary + "/" + name }

  /// Gives the directory its name.
  package func finish() throws(FileError) {
    Self.sync(temporary)
    rmdir(path)
    guard rename(temporary, path) == 0 else { throw FileError.last("create", path) }
    isOpen = false
    Self.sync(URL(fileURLWithPath: path).deletingLastPathComponent().path)
  }

  /// Brings the names of a directory to the disk.
  private static func sync(_ directory: String) {
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// Removes what was written.
  package func discard() {
    isOpen = false
    try? FileManager.default.removeItem(atPath: temporary)
  }

  /// Free bytes for this user on the disk that holds `path` or its nearest existing parent; nil if the system does not say.
  package static func freeBytes(at path: String) -> Int? {
    var url = URL(fileURLWithPath: path).standardizedFileURL
    while !FileManager.default.fileExists(atPath: url.path), url.path != "/" { url.deleteLastPathComponent() }
    var status = statvfs()
    guard statvfs(url.path, &status) == 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }
}
