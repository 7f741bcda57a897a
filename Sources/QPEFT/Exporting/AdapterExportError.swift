public import Foundation

/// An adapter that is more than updates of low rank, which is all that other programs' files hold.
public enum AdapterExportError: Error, Equatable, CustomStringConvertible {
  /// A module with something else.
  case notLowRank(module: String, what: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .notLowRank(let module, let what): "\(module) \(what), which a file of low-rank updates cannot hold"
    }
  }

  /// What the reader can do about it.
  public var remedy: String { "merge the adapter with qpeft merge, or export the merged model" }
}

extension AdapterExportError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
