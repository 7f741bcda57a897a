public import Foundation
internal import QPEFTTensor

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
  /// An empty directory that cannot give way to the result: it is mounted, or the one that the shell is in.
  case outputInUse(path: String)
  /// The file to write exists.
  case outputExists(path: String)
  /// A file that should be small is not.
  case tooLarge(path: String, bytes: Int, limit: Int)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .diskFull(let path): "\(path): the disk is full"
    case .notEnoughSpace(let path, let needed, let available):
      "\(path): needs \(ByteWords.exact(needed)), the disk has \(ByteWords.exact(available)) free"
    case .system(let action, let path, let reason): "cannot \(action) \(path): \(reason)"
    case .outputNotEmpty(let path): "\(path) exists and is not empty"
    case .outputInUse(let path): "\(path) is a mounted or the current directory, or a link that leads nowhere"
    case .outputExists(let path): "\(path) exists"
    case .tooLarge(let path, let bytes, let limit): "\(path) has \(bytes) bytes, the limit is \(limit)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .diskFull: "free some space and run again"
    case .notEnoughSpace: "free some space or choose another disk"
    case .system: "check the path, your permissions and the space on the disk"
    case .outputNotEmpty: "name a new directory or remove it first"
    case .outputInUse: "name a new directory inside of it: the result appears there whole, under one name"
    case .outputExists: "name a new file or remove it first"
    case .tooLarge: "check that it is the file you mean"
    }
  }

  /// The failure that `errno` tells after a call.
  package static func last(_ action: String, _ path: String, code: Int32 = errno) -> FileError {
    if code == ENOSPC || code == EDQUOT { return .diskFull(path: path) }
    return .system(action: action, path: path, reason: String(cString: strerror(code)))
  }
}

extension FileError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
