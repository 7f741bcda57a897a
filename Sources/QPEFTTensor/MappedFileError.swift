public import Foundation

/// A file that could not be mapped.
public enum MappedFileError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be opened; `reason` is the system's word for why.
  case cannotOpen(path: String, reason: String)
  /// It opened, but is not a regular file.
  case notAFile(path: String)
  /// The system refuses to map it.
  case cannotMap(path: String, reason: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .cannotOpen(let path, let reason): "cannot open \(path): \(reason)"
    case .notAFile(let path): "\(path) is not a regular file"
    case .cannotMap(let path, let reason): "cannot map \(path): \(reason)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .cannotOpen: "check the path and your permissions"
    case .notAFile: "name a file"
    case .cannotMap: "free some memory, or raise the limit of this process"
    }
  }
}

extension MappedFileError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
