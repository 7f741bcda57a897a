public import QPEFTLayers

/// Which layer gets what, by the rules of peft.
/// - Source: `check_target_module_exists` and `get_pattern_key` of huggingface/peft.
extension LoRAConfiguration {
  /// Whether a linear layer gets an adapter.
  /// - Throws: `AdapterError.pattern` for a regular expression that is none.
  public func matches(_ site: LinearSite) throws -> Bool {
    if let excluded, try excluded.matches(site) { return false }
    for module in savedModules {
      let pattern = try PathPattern(#"(?:.*\.)?(?:"#, module, #")(?:\..*)?"#, of: "modules_to_save")
      if pattern.matches(site.name) { return false }
    }
    guard try targets.matches(site) else { return false }
    guard let layers, !layers.isEmpty else { return true }
    if case .names(let names) = targets, names.contains(site.name) { return true }
    guard let block = try blockNumber(of: site.name) else { return false }
    return layers.contains(block)
  }

  /// These settings with rank and alpha of one layer. Of several keys that match, the first in the order of the alphabet holds:
  /// that is the order in which adapter files have them.
  /// - Throws: `AdapterError.pattern` for a regular expression that is none.
  public func resolved(for site: LinearSite) throws -> LoRAConfiguration {
    var configuration = self
    if let key = try Self.firstMatch(rankPattern, of: "rank_pattern", site.name) {
      configuration.rank = rankPattern[key] ?? rank
    }
    if let key = try Self.firstMatch(alphaPattern, of: "alpha_pattern", site.name) {
      configuration.alpha = alphaPattern[key] ?? alpha
    }
    return configuration
  }

  static func firstMatch(_ map: [String: some Any], of setting: String, _ path: String) throws -> String? {
    try map.keys.sorted().first { try PathPattern(#"(?:.*\.)?(?:"#, $0, ")", of: setting).matches(path) }
  }

  private func blockNumber(of path: String) throws -> Int? {
    for pattern in layersPattern {
      let pattern = try PathPattern(#"(?:.*?\.)?(?:"#, pattern, #")\.(\d+)\..*"#, of: "layers_pattern")
      if let number = pattern.lastCapture(path) { return Int(number) }
    }
    guard layersPattern.isEmpty else { return nil }
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    return parts.indices.dropFirst(2).dropLast().lazy.compactMap { Int(parts[$0]) }.first
  }
}

/// A regular expression over module paths.
struct PathPattern {
  private let regex: Regex<AnyRegexOutput>

  /// What the user wrote for `setting`, between what peft puts around it.
  init(_ before: String, _ text: String, _ after: String, of setting: String) throws {
    do { regex = try Regex(before + text + after) } catch {
      throw AdapterError.setting(name: setting, problem: "\(text) is not a regular expression")
    }
  }

  /// Whether it matches the whole path.
  func matches(_ path: String) -> Bool { path.wholeMatch(of: regex) != nil }

  /// What its last group matched, if it matches the whole path.
  func lastCapture(_ path: String) -> Substring? { path.wholeMatch(of: regex)?.output.last?.substring }
}
