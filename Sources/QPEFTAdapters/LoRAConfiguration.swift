/// Settings of LoRA; the names in files are peft's.
public struct LoRAConfiguration: Hashable, Sendable {
  /// Which biases are trained beside the adapters.
  public enum Bias: String, Hashable, Sendable, Codable, CaseIterable {
    /// None; every bias of a linear layer; those of layers that have an adapter.
    case none, all
    case loraOnly = "lora_only"
  }

  /// First values of A; B is zero.
  public enum Initialization: String, Hashable, Sendable, Codable, CaseIterable {
    /// Uniform in ±1/√inputs: Kaiming with a = √5.
    case kaiming
    /// Normal with a standard deviation of 1 / rank.
    case gaussian
  }

  /// Largest rank.
  public static let mostRank = 65_536

  /// `r`: rows of A, columns of B.
  public var rank = 16
  /// `lora_alpha`: the update is scaled by alpha / rank.
  public var alpha: Float = 32
  /// `lora_dropout`: probability by which inputs of A are dropped in training.
  public var dropout: Float = 0
  /// `target_modules`.
  public var targets = TargetModules.allLinear
  /// `exclude_modules`: layers that get no adapter though `targets` matches them.
  public var excluded: TargetModules?
  /// `layers_to_transform`: numbers of the blocks that get adapters; nil: all.
  public var layers: [Int]?
  /// `layers_pattern`: what stands before the block's number in a path; empty: anything.
  public var layersPattern: [String] = []
  /// `rank_pattern`: ranks of layers whose path ends with a match of a key, a regular expression.
  public var rankPattern: [String: Int] = [:]
  /// `alpha_pattern`: alphas of layers whose path ends with a match of a key, a regular expression.
  public var alphaPattern: [String: Float] = [:]
  /// `use_rslora`: scale by alpha / √rank instead (Kalajdzievski 2023, arXiv:2312.03732).
  public var usesRSLoRA = false
  /// `use_dora`: a trained magnitude for every row of the weight (Liu et al. 2024, arXiv:2402.09353).
  public var usesDoRA = false
  /// `bias`.
  public var bias = Bias.none
  /// `lora_bias`: B has a bias.
  public var hasLoRABias = false
  /// `modules_to_save`: modules whose path ends with one of these are trained whole: norms, `lm_head`, `embed_tokens`, layers.
  public var savedModules: [String] = []
  /// `init_lora_weights`.
  public var initialization = Initialization.kaiming
  /// LoRA+: the learning rate of B, of magnitudes and of biases is this many times that of A (Hayou et al. 2024,
  /// arXiv:2402.12354). It is no setting of adapter files.
  public var plusRatio = 1.0

  /// The defaults: rank 16, alpha 32, no dropout, all linear layers.
  public init() {}

  /// What the update is multiplied by.
  public var scale: Float { usesRSLoRA ? alpha / Float(rank).squareRoot() : alpha / Float(rank) }

  /// Throws where a setting makes no sense.
  public func validate() throws(AdapterError) {
    func check(_ condition: Bool, _ name: String, _ problem: String) throws(AdapterError) {
      if !condition { throw .setting(name: name, problem: problem) }
    }
    let ranks = 1...Self.mostRank
    try check(ranks.contains(rank), "r", "\(rank) is not a positive rank")
    try check(alpha.isFinite && alpha > 0, "lora_alpha", "\(alpha) is not positive")
    try check(dropout >= 0 && dropout < 1, "lora_dropout", "\(dropout) is not in 0 ..< 1")
    try check(plusRatio.isFinite && plusRatio > 0, "LoRA+ ratio", "\(plusRatio) is not positive")
    for (key, rank) in rankPattern {
      try check(ranks.contains(rank), "rank_pattern", "\(rank) of \(key) is not a positive rank")
    }
    for (key, alpha) in alphaPattern {
      try check(alpha.isFinite && alpha > 0, "alpha_pattern", "\(alpha) of \(key) is not positive")
    }
    try check(!(usesDoRA && hasLoRABias), "lora_bias", "is not possible together with use_dora")
    if case .pattern = targets {
      try check(layers == nil, "layers_to_transform", "needs target_modules as a list of names, not as a pattern")
    }
    try check(layersPattern.isEmpty || layers != nil, "layers_pattern", "needs layers_to_transform")
    try check(layers.map { $0.allSatisfy { $0 >= 0 } } ?? true, "layers_to_transform", "has a negative number")
    try check(excluded != .allLinear, "exclude_modules", "all-linear would leave nothing")
  }

  /// All settings by name, as they decide the numbers of a run.
  public var settings: [String: String] {
    func words(_ map: [String: some Any]) -> String {
      map.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }
    var settings = [
      "rank": "\(rank)", "alpha": "\(alpha)", "dropout": "\(dropout)", "targets": "\(targets)",
      "rslora": "\(usesRSLoRA)",
    ]
    // Only what is not at its default, so that runs of before these settings can be resumed.
    if let excluded { settings["exclude_modules"] = "\(excluded)" }
    if let layers { settings["layers_to_transform"] = "\(layers)" }
    if !layersPattern.isEmpty { settings["layers_pattern"] = "\(layersPattern)" }
    if !rankPattern.isEmpty { settings["rank_pattern"] = words(rankPattern) }
    if !alphaPattern.isEmpty { settings["alpha_pattern"] = words(alphaPattern) }
    if usesDoRA { settings["use_dora"] = "true" }
    if bias != .none { settings["bias"] = bias.rawValue }
    if hasLoRABias { settings["lora_bias"] = "true" }
    if !savedModules.isEmpty { settings["modules_to_save"] = "\(savedModules)" }
    if plusRatio != 1 { settings["lora_plus_ratio"] = "\(plusRatio)" }
    return settings
  }
}
