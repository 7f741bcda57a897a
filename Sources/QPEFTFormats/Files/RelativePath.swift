internal import Foundation

/// Names of files that strangers give.
package enum RelativePath {
  /// Whether a name stays in its directory, read as text: relative, no `..`, nothing empty, no NUL, no control characters.
  package static func staysInside(_ name: String) -> Bool {
    guard !name.isEmpty, !name.utf8.contains(where: { $0 < 32 || $0 == 127 }), !name.contains("\\") else {
      return false
    }
    return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".."
    }
  }

  /// Whether a file lies in a directory when all links are followed. The snapshots of huggingface's cache are links to
  /// `blobs` beside them, which counts as inside.
  static func leads(_ file: String, insideOf directory: String) -> Bool {
    guard let place = real(file), let inside = real(directory) else { return false }
    if place.hasPrefix(inside + "/") { return true }
    let parts = inside.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count > 2, parts[parts.count - 2] == "snapshots" else { return false }
    return place.hasPrefix(parts.dropLast(2).joined(separator: "/") + "/blobs/")
  }

  /// The path without links; nil if there is nothing.
  static func real(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
