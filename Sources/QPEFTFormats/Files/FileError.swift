internal import Foundation

/// A file or directory that cannot be written or read.
public enum FileError: Error, Equatable, CustomStringConvertible {
  /// No room left on the disk.
  case diskFull(path: String)
  /// Less room than the result needs, found before anything was written.
  case notEnoughSpace(path: String, needed: Int, available: Int)
  /// The system refuses an action; `reason` is its word for why.
  case system(action: String, path: String, reason: String)
  /// The output directory already holds something.
  case outputNotEmpty(path: String)
  /// A file that should be small is not.
  case tooLarge(path: String, bytes: Int, limit: Int)

  /// The failure in a sentence, with a remedy where there is one.
  public var description: String {
    switch self {
    case .diskFull(let path): "\(path): the disk is full; free some space and run again"
    case .notEnoughSpace(let path, let needed, let available):
      "\(path): needs \(needed) bytes, the disk has \(available) free; free some space or choose another disk"
    case .system(let action, let path, let reason): "cannot \(action) \(path): \(reason)"
    case .outputNotEmpty(let path): "\(path) exists and is not empty; name a new directory or remove it first"
    case .tooLarge(let path, let bytes, let limit): "\(path) has \(bytes) bytes, the limit is \(limit)"
    }
  }

  /// The failure that `errno` tells after a call.
  static func last(_ action: String, _ path: String) -> FileError {
    if errno == ENOSPC || errno == EDQUOT { return .diskFull(path: path) }
    return .system(action: action, path: path, reason: String(cString: strerror(errno)))
  }
}
