public import QPEFTLayers

/// Which linear layers get an adapter; peft's `target_modules`.
public enum TargetModules: Hashable, Sendable {
  /// Every linear layer of the blocks; never the output head.
  case allLinear
  /// Layers whose path ends with one of these names, for example `q_proj`.
  case names([String])
  /// Layers whose whole path matches this regular expression.
  case pattern(String)

  /// What a person types: `all-linear`, `q_proj,v_proj`, or a regular expression.
  public init(_ text: String) {
    let isList = text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "," || $0 == "." || $0 == " " }
    if text == "all-linear" {
      self = .allLinear
    } else if isList {
      self = .names(text.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init))
    } else {
      self = .pattern(text)
    }
  }

  /// Whether a site is chosen.
  /// - Throws: `AdapterError.pattern` for a regular expression that is none.
  public func matches(_ site: LinearSite) throws -> Bool {
    switch self {
    case .allLinear: return true
    case .names(let names): return names.contains { site.name == $0 || site.name.hasSuffix("." + $0) }
    case .pattern(let pattern):
      do { return try Regex(pattern).wholeMatch(in: site.name) != nil } catch { throw AdapterError.pattern(pattern) }
    }
  }
}

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
}
