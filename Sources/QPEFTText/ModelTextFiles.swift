internal import Foundation
internal import QPEFTJSON

/// Where the files of a model that say about text are: in a directory, or in memory, made from another format.
public struct ModelTextFiles: Sendable {
  private enum Content {
    case directory
    case memory([String: [UInt8]])
  }

  /// The directory, or the file that they were made from.
  public let place: String
  private let content: Content

  /// The files of a directory.
  public init(directory: String) {
    place = directory
    content = .directory
  }

  /// Files by name, made from the file at `place`.
  public init(_ files: [String: [UInt8]], place: String) {
    self.place = place
    content = .memory(files)
  }

  /// A file's bytes; nil if there is no such file.
  func bytes(_ name: String) throws(TokenizerError) -> [UInt8]? {
    switch content {
    case .memory(let files): return files[name]
    case .directory:
      let path = path(name)
      return FileManager.default.fileExists(atPath: path) ? try TextFile.bytes(at: path) : nil
    }
  }

  /// A file's JSON; nil if there is no such file.
  func json(_ name: String) throws(TokenizerError) -> JSONValue? {
    switch content {
    case .memory(let files):
      return try files[name].map { bytes throws(TokenizerError) in
        try TextFile.json(bytes, path: path(name))
      }
    case .directory:
      let path = path(name)
      guard FileManager.default.fileExists(atPath: path) else { return Optional.none }
      return try TextFile.json(at: path)
    }
  }

  private func path(_ name: String) -> String { (place as NSString).appendingPathComponent(name) }
}
