public import Foundation

/// Any error of the library in one form: what kind, what happened, what to do, and the error itself.
///
/// Every room has its own error type, with one case for each cause; all of them are `LocalizedError`s.
public struct QPEFTError: LocalizedError, CustomStringConvertible {
  /// Kind of the error, for programs: the name of its type, for example `TrainingError`.
  public let code: String
  /// What happened, naming the thing.
  public let message: String
  /// What to do about it.
  public let remedy: String
  /// The error of the room it comes from.
  public let cause: any Error

  /// Words for an error.
  public init(_ error: any Error) {
    cause = error
    code = "\(type(of: error))"
    message = "\(error)"
    remedy = (error as? any LocalizedError)?.recoverySuggestion ?? "see `qpeft help`"
  }

  /// Message and remedy.
  public var description: String { "\(message); \(remedy)" }
  /// What happened.
  public var errorDescription: String? { message }
  /// What to do about it.
  public var recoverySuggestion: String? { remedy }
}
