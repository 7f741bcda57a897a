public import Foundation

/// A scheme that cannot be, or weights that are not there.
public enum QuantizationError: Error, Equatable, CustomStringConvertible {
  /// Not a block size that bitsandbytes knows.
  case blockSize(Int)
  /// A weight of a plan without a size.
  case unknownSize(tensor: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .blockSize(let size):
      "block size \(size) is not possible"
    case .unknownSize(let tensor): "\(tensor) is planned: nothing is known of it"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .unknownSize: "open the model itself"
    case .blockSize: "choose one of \(QuantizationScheme.blockSizes.map { "\($0)" }.joined(separator: ", "))"
    }
  }
}

extension QuantizationError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
