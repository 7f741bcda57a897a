public import Foundation

/// An adapter that mlx-lm cannot hold.
public enum MLXExportError: Error, Equatable, CustomStringConvertible {
  /// mlx-lm adapts layers of blocks alone.
  case outsideBlocks(module: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .outsideBlocks(let module): "\(module) is not a layer of a block, and mlx-lm adapts no other"
    }
  }

  /// What the reader can do about it.
  public var remedy: String { "merge the adapter with qpeft merge" }
}

extension MLXExportError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
