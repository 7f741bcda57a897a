public import QPEFTFormats
internal import QPEFTAutodiff

extension LoRAConfiguration {
  /// The settings of an adapter that PEFT saved.
  /// - Throws: `AdapterError.setting` for one that is not supported: nothing is silently left out.
  public init(_ config: PEFTAdapterConfig) throws(AdapterError) {
    func refuse(_ condition: Bool, _ name: String, _ problem: String = "is not supported") throws(AdapterError) {
      if condition { throw .setting(name: name, problem: problem) }
    }
    try refuse(config.method != "LORA", "peft_type", "\(config.method) is not supported; LORA is")
    try refuse(config.usesDoRA, "use_dora")
    try refuse(config.bias != "none", "bias", "\(config.bias) is not supported; none is")
    try refuse(config.hasLoRABias, "lora_bias")
    try refuse(config.isFanInFanOut, "fan_in_fan_out")
    try refuse(config.savedModules?.isEmpty == false, "modules_to_save")
    try refuse(config.excluded != nil, "exclude_modules")
    try refuse(!config.ranks.isEmpty, "rank_pattern")
    try refuse(!config.alphas.isEmpty, "alpha_pattern")
    try refuse(config.layers != nil, "layers_to_transform")
    if let key = config.otherKeys.first { throw .setting(name: key, problem: "is not supported") }
    self.init()
    rank = config.rank
    alpha = Float(config.alpha)
    dropout = Float(config.dropout)
    usesRSLoRA = config.usesRankStabilizedScale
    switch config.targets {
    case .names(let names): targets = .names(names)
    case .pattern("all-linear"): targets = .allLinear
    case .pattern(let pattern): targets = .pattern(pattern)
    case nil: throw .setting(name: "target_modules", problem: "is missing")
    }
    try validate()
  }
}

extension LoRAAdapters {
  /// These adapters as PEFT stores them. `baseModel` is what `base_model_name_or_path` says.
  ///
  /// Names of layers stand in `target_modules` where all linear layers are adapted, as in files that PEFT writes.
  public func peft(baseModel: String) -> PEFTAdapterDirectory {
    let targets: PEFTTargetModules =
      switch configuration.targets {
      case .allLinear: .names(moduleNames)
      case .names(let names): .names(names)
      case .pattern(let pattern): .pattern(pattern)
      }
    var config = PEFTAdapterConfig(rank: configuration.rank, alpha: Double(configuration.alpha), targets: targets)
    config.baseModel = baseModel
    // The shortest decimal, so that 0.1 does not become 0.10000000149.
    config.dropout = Double("\(configuration.dropout)") ?? Double(configuration.dropout)
    config.usesRankStabilizedScale = configuration.usesRSLoRA
    return PEFTAdapterDirectory(config: config, tensors: tensors)
  }

  /// Last parts of the adapted layers' paths, each once, sorted.
  private var moduleNames: [String] {
    let names = parameters.compactMap { parameter -> String? in
      guard parameter.name.hasSuffix(".lora_A.weight") else { return nil }
      return parameter.name.split(separator: ".").dropLast(2).last.map(String.init)
    }
    return Set(names).sorted()
  }
}
