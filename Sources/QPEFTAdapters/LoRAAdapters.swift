public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTTensor

/// The LoRA adapters of one model: made while the model is built, in the order of its layers.
///
///     let adapters = try LoRAAdapters(configuration, seed: 0)
///     let model = try Models.open(
///       config: config, weights: weights, adapters: adapters.choice, modules: adapters.modules)
///     try adapters.checkTargets()
public final class LoRAAdapters {
  /// Settings of all of them.
  public let configuration: LoRAConfiguration
  private let seed: UInt64
  /// Everything that is trained, in the order of the model's layers.
  public private(set) var parameters: [Parameter] = []
  /// Modules that are trained whole and are not linear layers, by their paths: norms, embedding, head.
  public private(set) var trainedModules: [String: Parameter] = [:]
  /// Paths of the linear layers that have an update of low rank.
  public private(set) var adaptedLayers: [String] = []
  /// What the user should know, once the model is built.
  public private(set) var warnings: [AdapterWarning] = []
  private var foundModules: Set<String> = []
  /// Paths of all linear layers and other modules of the model.
  private var paths: Set<String> = []

  /// No adapters yet; `seed` decides their first values.
  /// - Throws: `AdapterError.setting` for a setting that makes no sense.
  public init(_ configuration: LoRAConfiguration, seed: UInt64 = 0) throws {
    try configuration.validate()
    self.configuration = configuration
    self.seed = seed
  }

  /// Puts an adapter on every linear layer that the settings choose.
  public var choice: AdapterChoice {
    { site, base in
      let adapter = try self.adapter(at: site, base)
      for parameter in adapter?.parameters ?? [] { self.add(parameter) }
      return adapter
    }
  }

  private func adapter(at site: LinearSite, _ base: FrozenLinear) throws -> (any LinearAdapter)? {
    paths.insert(site.name)
    if isSaved(site.name) { return TrainedLinear(at: site, base: base) }
    guard try configuration.matches(site) else {
      return configuration.bias == .all ? base.bias.map { TrainedBias($0, at: site) } : nil
    }
    adaptedLayers.append(site.name)
    let settings = try configuration.resolved(for: site)
    return settings.usesDoRA
      ? DoRA(settings, at: site, base: base, seed: seed) : LoRA(settings, at: site, bias: base.bias, seed: seed)
  }

  /// Trains every other module whole that `configuration.savedModules` names.
  public var modules: ModuleChoice {
    { site, weight in
      self.paths.insert(site.name)
      guard self.isSaved(site.name) else {
        try self.refuseTarget(site)
        return nil
      }
      if site.isTied { self.warnings.append(.untied(site.name)) }
      let parameter = Parameter("base_model.model.\(site.name).weight", try weight())
      self.trainedModules[site.name] = parameter
      self.add(parameter)
      return parameter
    }
  }

  /// peft puts updates of low rank on embeddings and heads too.
  private func refuseTarget(_ site: ModuleSite) throws {
    guard configuration.targets != .allLinear else { return }
    let module = LinearSite(name: site.name, rows: 0, columns: 0)
    guard try configuration.matches(module) else { return }
    throw AdapterError.setting(
      name: "target_modules",
      problem:
        "\(site.name) is not a linear layer of a block; only those can be adapted (modules_to_save trains it whole)")
  }

  private func isSaved(_ path: String) -> Bool {
    let names = configuration.savedModules.filter(path.hasSuffix)
    foundModules.formUnion(names)
    return !names.isEmpty
  }

  private func add(_ parameter: Parameter) {
    if parameter.name.contains(".lora_B.") || parameter.value.shape.rank == 1 {
      parameter.learningRateRatio = configuration.plusRatio
    }
    // As transformers' Trainer has it: neither biases nor norms decay, but magnitudes do.
    if parameter.value.shape.rank == 1, !parameter.name.hasSuffix(".lora_magnitude_vector") {
      parameter.weightDecayRatio = 0
    }
    parameters.append(parameter)
  }

  /// Number of trained numbers.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

  /// The trained tensors by their keys in a PEFT file.
  public var tensors: [String: Tensor] {
    Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.value) })
  }

  /// Takes values over from the tensors of a PEFT file: exactly the keys and shapes of these adapters.
  public func load(_ tensors: [String: Tensor]) throws(AdapterError) {
    for parameter in parameters {
      guard let tensor = tensors[parameter.name] else { throw .missingTensor(parameter.name) }
      guard tensor.shape == parameter.value.shape else {
        throw .shape(
          tensor: parameter.name, expected: parameter.value.shape.dimensions, found: tensor.shape.dimensions)
      }
    }
    let known = Set(parameters.map(\.name))
    if let name = tensors.keys.filter({ !known.contains($0) }).min() { throw .unknownTensor(name) }
    for parameter in parameters { if let tensor = tensors[parameter.name] { parameter.value = tensor } }
  }

  /// Looks whether the settings found what they name, once the model is built.
  /// - Throws: `AdapterError.noTarget` if no layer matched, `.setting` if a module to be trained whole does not exist.
  public func checkTargets() throws {
    guard !adaptedLayers.isEmpty else { throw AdapterError.noTarget(configuration.targets.text) }
    if let name = configuration.savedModules.first(where: { !foundModules.contains($0) }) {
      throw AdapterError.setting(name: "modules_to_save", problem: "no module's path ends with \(name)")
    }
    let lists: [(String, TargetModules?)] = [
      ("target_modules", configuration.targets), ("exclude_modules", configuration.excluded),
    ]
    for (setting, modules) in lists {
      warnings += (modules?.unusedNames(paths) ?? []).map { .unusedName(setting: setting, name: $0) }
    }
    func unused(_ setting: String, _ map: [String: some Any]) throws {
      var rest = Set(map.keys)
      for layer in adaptedLayers where !rest.isEmpty {
        if let key = try LoRAConfiguration.firstMatch(map, of: setting, layer) { rest.remove(key) }
      }
      warnings += rest.sorted().map { .unusedPattern(setting: setting, key: $0) }
    }
    try unused("rank_pattern", configuration.rankPattern)
    try unused("alpha_pattern", configuration.alphaPattern)
  }
}
