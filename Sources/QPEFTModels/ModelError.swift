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

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .configuration(let key, let problem): "config.json: \(key): \(problem)"
    case .unsupportedArchitecture(let name, let supported):
      "architecture \(name) is not supported; supported: \(supported.joined(separator: ", "))"
    case .unsupportedRopeScaling(let kind):
      "config.json: rope scaling \(kind) is not supported; supported: linear, llama3"
    case .shape(let tensor, let expected, let found): "\(tensor) has shape \(found), config.json says \(expected)"
    }
  }
}
