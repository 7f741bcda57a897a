internal import Foundation

/// A directory under a temporary name beside its place; it appears there whole, on `finish`, or never.
package final class OutputDirectory {
  package let path: String
  /// Where files are written until `finish`.
  package let temporary: String
  private var isOpen = true

  /// Makes the temporary directory. An existing `path` must be an empty directory, or a link to one, that can be replaced.
  package init(path: String) throws(FileError) {
    var path = path
    if path.isEmpty { throw .system(action: "create", path: "''", reason: "it has no name") }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    var status = stat()
    if lstat(path, &status) == 0 {
      // The result takes the place of what a link leads to, not of the link.
      guard let place = RelativePath.real(path) else { throw .outputInUse(path: path) }
      try Self.checkCanBeReplaced(place, named: path)
      path = place
    }
    self.path = path
    temporary = path + ".partial-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try Self.make(temporary, for: path)
  }

  /// Finds out now what `finish` would find out after all the work: the directory is empty, not mounted, and nobody's place.
  private static func checkCanBeReplaced(_ place: String, named path: String) throws(FileError) {
    guard let contents = try? FileManager.default.contentsOfDirectory(atPath: place), contents.isEmpty else {
      throw .outputNotEmpty(path: path)
    }
    var status = stat()
    guard place != RelativePath.real("."), stat(place, &status) == 0, rmdir(place) == 0 else {
      throw .outputInUse(path: path)
    }
    guard mkdir(place, status.st_mode & 0o7777) == 0 else { throw .last("create", path) }
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

  /// Makes the directory `path`, and those above it that are missing; an error names `place`. Foundation would tell the number
  /// of its error instead of the system's reason.
  package static func make(_ path: String, for place: String) throws(FileError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    for count in parts.indices.map({ $0 + 1 }) {
      let folder = parts.prefix(count).joined(separator: "/")
      if folder.isEmpty || mkdir(folder, 0o777) == 0 { continue }
      let code = errno
      var status = stat()
      guard stat(folder, &status) == 0 else { throw .last("create", place, code: code) }
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw .system(action: "create", path: place, reason: "\(folder) is not a directory")
      }
    }
  }

  /// Finds out before the work whether the disk has room for so many bytes.
  package static func checkSpace(at path: String, needed: Int) throws(FileError) {
    guard let available = freeBytes(at: path), available < needed else { return }
    throw .notEnoughSpace(path: path, needed: needed, available: available)
  }

  /// Free bytes for this user on the disk that holds `path` or its nearest existing parent; nil if the system does not say.
  package static func freeBytes(at path: String) -> Int? {
    var url = URL(fileURLWithPath: path).standardizedFileURL
    while !FileManager.default.fileExists(atPath: url.path), url.path != "/" { url.deleteLastPathComponent() }
    var status = statvfs()
    // Some file systems of a network say nothing of their size.
    guard statvfs(url.path, &status) == 0, status.f_blocks > 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }
}
