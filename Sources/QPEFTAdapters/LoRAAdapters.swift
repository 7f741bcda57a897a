public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTTensor

/// The LoRA adapters of one model: made while the model is built, in the order of its layers.
///
///     let adapters = LoRAAdapters(configuration, seed: 0)
///     let model = try Models.open(config: config, weights: weights, adapters: adapters.choice)
public final class LoRAAdapters {
  /// Settings of all of them.
  public let configuration: LoRAConfiguration
  private let seed: UInt64
  /// Everything that is trained, in the order of the model's layers.
  public private(set) var parameters: [Parameter] = []

  /// No adapters yet; `seed` decides their first values.
  /// - Throws: `AdapterError.setting` for a setting that makes no sense.
  public init(_ configuration: LoRAConfiguration, seed: UInt64 = 0) throws {
    try configuration.validate()
    self.configuration = configuration
    self.seed = seed
  }

  /// Puts an adapter on every layer that `configuration.targets` matches.
  public var choice: AdapterChoice {
    { site, _ in
      guard try self.configuration.targets.matches(site) else { return nil }
      let adapter = LoRA(self.configuration, at: site, seed: self.seed)
      self.parameters += adapter.parameters
      return adapter
    }
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

  /// Throws `AdapterError.noTarget` if the model, now built, has no layer that matched.
  public func checkTargets() throws(AdapterError) {
    guard parameters.isEmpty else { return }
    throw .noTarget("\(configuration.targets)")
  }
}
