internal import Foundation
internal import QPEFT

/// An error as the reader sees it: what went wrong, and what to do.
struct Failure: Error, Equatable {
  var message: String
  var remedy: String

  init(message: String, remedy: String) {
    self.message = message
    self.remedy = remedy
  }

  /// Words for any error of the library.
  init(_ error: any Error) {
    switch error {
    case let error as Failure: self = error
    case let error as QPEFTError: self.init(message: error.message, remedy: error.remedy)
    default:
      let error = QPEFTError(error)
      self.init(message: error.message, remedy: error.remedy)
    }
  }

  /// Two lines.
  var text: String { "error: \(message)\nremedy: \(remedy)" }
}
