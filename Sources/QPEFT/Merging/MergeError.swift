public import Foundation

/// An adapter that cannot be merged as asked.
public enum MergeError: Error, Equatable, CustomStringConvertible {
  /// An adapter whose change no weight expresses.
  case notMergeable(layer: String)
  /// An adapter that adds a bias to a layer that has none.
  case newBias(layer: String)
  /// The original directory lacks a tensor of the model.
  case originalLacks(tensor: String, path: String)
  /// A tensor of the original directory has another shape than the model's.
  case originalShape(tensor: String, path: String, expected: [Int], found: [Int])

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .notMergeable(let layer): "the adapter on \(layer) is not a change of its weight"
    case .newBias(let layer): "the adapter adds a bias to \(layer), which has none"
    case .originalLacks(let tensor, let path): "\(path) has no tensor \(tensor)"
    case .originalShape(let tensor, let path, let expected, let found):
      "\(path): \(tensor) has shape \(found), the model's is \(expected)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .notMergeable, .newBias: "use the adapter beside the model, unmerged"
    case .originalLacks, .originalShape: "name the directory that this model was quantized from"
    }
  }
}

extension MergeError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
