public import QPEFTFormats
internal import QPEFTAutodiff

extension LoRAConfiguration {
  /// Settings of peft that change what an adapter computes, and that are not built.
  private static let unsupported: Set<String> = [
    "alora_invocation_tokens", "arrow_config", "init_lora_weights", "kasa_config", "layer_replication",
    "megatron_config",
    "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora", "velora_config",
  ]
  /// Settings of how an adapter began, which change nothing of what it is.
  private static let harmless: Set<String> = ["corda_config", "ensure_weight_tying", "eva_config", "lora_ga_config"]

  /// The settings of an adapter that PEFT saved.
  /// - Throws: `AdapterError.setting` for one that changes the mathematics and is not supported: nothing is silently left out.
  public init(_ config: PEFTAdapterConfig) throws(AdapterError) {
    func refuse(_ condition: Bool, _ name: String, _ problem: String = "is not supported") throws(AdapterError) {
      if condition { throw .setting(name: name, problem: problem) }
    }
    try refuse(config.method != "LORA", "peft_type", "\(config.method) is not supported; LORA is")
    try refuse(
      config.isFanInFanOut, "fan_in_fan_out", "is for models with transposed weights, of which none is supported")
    if let key = config.otherKeys.first(where: Self.unsupported.contains) {
      throw .setting(name: key, problem: "is not supported")
    }
    let saved = config.savedModules ?? []
    try refuse(
      config.otherKeys.contains("ensure_weight_tying") && !saved.isEmpty, "ensure_weight_tying",
      "is not supported together with modules_to_save")
    self.init()
    rank = config.rank
    alpha = Float(config.alpha)
    dropout = Float(config.dropout)
    usesRSLoRA = config.usesRankStabilizedScale
    usesDoRA = config.usesDoRA
    hasLoRABias = config.hasLoRABias
    guard let bias = Bias(rawValue: config.bias) else {
      throw .setting(name: "bias", problem: "\(config.bias) is not supported; none, all and lora_only are")
    }
    self.bias = bias
    savedModules = saved
    rankPattern = config.ranks
    alphaPattern = config.alphas.mapValues { Float($0) }
    layers = config.layers
    layersPattern = config.layersPattern
    switch config.excluded {
    case .names(let names): excluded = names.isEmpty ? nil : .names(names)
    case .pattern(let pattern): excluded = pattern.isEmpty ? nil : .pattern(pattern)
    case nil: excluded = nil
    }
    switch config.targets {
    case .names(let names): targets = .names(names)
    case .pattern("all-linear"): targets = .allLinear
    case .pattern(let pattern): targets = .pattern(pattern)
    case nil: throw .setting(name: "target_modules", problem: "is missing")
    }
    try validate()
  }

  /// Keys of an adapter's file that were not understood and were ignored.
  public static func warnings(of config: PEFTAdapterConfig) -> [AdapterWarning] {
    config.otherKeys.filter { !unsupported.contains($0) && !harmless.contains($0) }.map { .unknownKey($0) }
  }
}

extension LoRAAdapters {
  /// These adapters as PEFT stores them. `baseModel` is what `base_model_name_or_path` says.
  ///
  /// Names of layers stand in `target_modules` where all linear layers are adapted, as in files that PEFT writes.
  public func peft(baseModel: String) -> PEFTAdapterDirectory {
    func peft(_ targets: TargetModules) -> PEFTTargetModules {
      switch targets {
      case .allLinear: .names(moduleNames)
      case .names(let names): .names(names)
      case .pattern(let pattern): .pattern(pattern)
      }
    }
    // The shortest decimal, so that 0.1 does not become 0.10000000149.
    func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
    var config = PEFTAdapterConfig(
      rank: configuration.rank, alpha: decimal(configuration.alpha), targets: peft(configuration.targets))
    config.baseModel = baseModel
    config.dropout = decimal(configuration.dropout)
    config.usesRankStabilizedScale = configuration.usesRSLoRA
    config.usesDoRA = configuration.usesDoRA
    config.hasLoRABias = configuration.hasLoRABias
    config.bias = configuration.bias.rawValue
    config.savedModules = configuration.savedModules.isEmpty ? nil : configuration.savedModules
    config.ranks = configuration.rankPattern
    config.alphas = configuration.alphaPattern.mapValues(decimal)
    config.layers = configuration.layers
    config.layersPattern = configuration.layersPattern
    config.excluded = configuration.excluded.map(peft)
    return PEFTAdapterDirectory(config: config, tensors: tensors)
  }

  /// Last parts of the adapted layers' paths, each once, sorted.
  private var moduleNames: [String] {
    Set(adaptedLayers.compactMap { $0.split(separator: ".").last.map(String.init) }).sorted()
  }
}
