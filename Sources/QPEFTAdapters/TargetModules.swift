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
    case .names(let names): return names.contains { Self.isNamed(site.name, $0) }
    case .pattern(let pattern):
      do { return try Regex(pattern).wholeMatch(in: site.name) != nil } catch { throw AdapterError.pattern(pattern) }
    }
  }

  /// Whether a path is `name` or ends with it.
  static func isNamed(_ path: String, _ name: String) -> Bool { path == name || path.hasSuffix("." + name) }

  /// The names that no path ends with; a regular expression has none.
  func unusedNames(_ paths: Set<String>) -> [String] {
    guard case .names(let names) = self else { return [] }
    return Set(names).filter { name in !paths.contains { Self.isNamed($0, name) } }.sorted()
  }

  /// What a person types, for messages.
  var text: String {
    switch self {
    case .allLinear: "all-linear"
    case .names(let names): names.joined(separator: ",")
    case .pattern(let pattern): pattern
    }
  }
}
