public import Foundation

/// A checkpoint that is not a model this build can run.
public enum ModelError: Error, Equatable, CustomStringConvertible {
  /// `config.json` does not say what is needed.
  case configuration(key: String, problem: String)
  /// The architecture is not among the supported ones.
  case unsupportedArchitecture(String, supported: [String])
  /// A kind of rotary scaling that is not built.
  case unsupportedRopeScaling(String)
  /// A weight's shape is not what the configuration says.
  case shape(tensor: String, expected: [Int], found: [Int])
  /// `config.json` ties the head to the embedding, and there is a head that differs from it.
  case untiedHead(tensor: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .configuration(let key, let problem): "config.json: \(key): \(problem)"
    case .unsupportedArchitecture(let name, _):
      "architecture \(name) is not supported"
    case .unsupportedRopeScaling(let kind):
      "config.json: rope scaling \(kind) is not supported"
    case .shape(let tensor, let expected, let found): "\(tensor) has shape \(found), config.json says \(expected)"
    case .untiedHead(let tensor): "\(tensor) differs from the embedding, and config.json says that they are one"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .configuration: "use the config.json that belongs to the model"
    case .unsupportedArchitecture(_, let supported):
      "use a model of the architectures \(supported.joined(separator: ", "))"
    case .unsupportedRopeScaling: "use a model with the rope scaling linear or llama3, or none"
    case .shape: "use weights and config.json of one model"
    case .untiedHead: "set tie_word_embeddings to false to use it, or take it out of the weights"
    }
  }
}

extension ModelError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
