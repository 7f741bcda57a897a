public import Foundation

/// Adapters that cannot be built or loaded.
public enum AdapterError: Error, Equatable, CustomStringConvertible {
  /// A regular expression of `target_modules` that cannot be read.
  case pattern(String)
  /// No layer of the model is chosen.
  case noTarget(String)
  /// A setting with a value that makes no sense or that is not supported.
  case setting(name: String, problem: String)
  /// The adapter file lacks a tensor that the model needs.
  case missingTensor(String)
  /// The adapter file has a tensor that no layer of the model takes.
  case unknownTensor(String)
  /// A tensor of another shape than the model needs.
  case shape(tensor: String, expected: [Int], found: [Int])

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .pattern(let text): "target_modules: \(text) is not a regular expression"
    case .noTarget(let text): "target_modules: no linear layer of the model matches \(text)"
    case .setting(let name, let problem): "adapter setting \(name): \(problem)"
    case .missingTensor(let name): "the adapter has no tensor \(name)"
    case .unknownTensor(let name): "the adapter's tensor \(name) belongs to no layer of the model"
    case .shape(let tensor, let expected, let found):
      "the adapter's tensor \(tensor) has shape \(found), the model needs \(expected)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .pattern, .noTarget: "name layers of the model, such as q_proj,v_proj, or all-linear"
    case .setting: "choose another value"
    case .missingTensor, .unknownTensor, .shape: "use an adapter that was trained for this model"
    }
  }
}

extension AdapterError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
