public import Foundation

/// A checkpoint that cannot be quantized as asked.
public enum QuantizerError: Error, Equatable, CustomStringConvertible {
  /// The source has 4-bit or other quantized weights.
  case alreadyQuantized(source: String, method: String)
  /// The source has no matrix of a linear layer.
  case nothingToQuantize(source: String)
  /// A pattern of what to keep matches no tensor.
  case keepMatchesNothing(pattern: String)
  /// A weight is NaN or infinite.
  case notFinite(tensor: String)
  /// A weight that has no float type.
  case unsupportedType(tensor: String, type: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .alreadyQuantized(let source, let method):
      "\(source) is already quantized (\(method))"
    case .nothingToQuantize(let source):
      "\(source) has no matrices of linear layers under the name \"layers\" that could be quantized"
    case .keepMatchesNothing(let pattern):
      "no tensor's name matches \"\(pattern)\""
    case .notFinite(let tensor): "\(tensor) holds NaN or infinity"
    case .unsupportedType(let tensor, let type):
      "\(tensor) has the type \(type), which is not quantized"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .alreadyQuantized: "name the original model"
    case .nothingToQuantize: "name a model of a supported architecture"
    case .keepMatchesNothing: "patterns are parts of a name, or globs such as *.down_proj.weight"
    case .notFinite: "download the checkpoint again; it is damaged"
    case .unsupportedType: "use a checkpoint in F32, F16 or BF16"
    }
  }
}

extension QuantizerError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
