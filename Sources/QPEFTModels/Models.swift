public import Foundation
public import QPEFTLayers
public import QPEFTTensor

/// The architectures by the name that `config.json` gives them.
public enum Models {
  /// `architectures` and `model_type` of `config.json`.
  private struct Header: Decodable {
    var architectures: [String]?
    var model_type: String?
  }

  private typealias Opener =
    @Sendable (Data, any WeightSource, @escaping AdapterChoice, @escaping ModuleChoice) throws -> any LanguageModel

  private static let openers: [String: Opener] = [
    "LlamaForCausalLM": { config, weights, adapters, modules in
      try Llama(
        JSONDecoder().decode(LlamaConfiguration.self, from: config), weights: weights, adapters: adapters,
        modules: modules)
    }
  ]

  /// Names of the supported architectures.
  public static var supported: [String] { openers.keys.sorted() }

  /// The model that `config` (the text of `config.json`) describes, over `weights`; nothing is copied but norms, biases and the
  /// modules that `modules` chooses to train whole.
  /// - Throws: `ModelError`, and what `weights` throws.
  public static func open(
    config: Data, weights: any WeightSource, adapters: @escaping AdapterChoice = { _, _ in nil },
    modules: @escaping ModuleChoice = { _, _ in nil }
  ) throws -> any LanguageModel {
    let header: Header
    do { header = try JSONDecoder().decode(Header.self, from: config) } catch {
      throw ModelError.configuration(
        key: "architectures", problem: "the file is not a JSON object with a list of names")
    }
    let name = header.architectures?.first ?? header.model_type ?? "(none named)"
    guard let open = openers[name] else { throw ModelError.unsupportedArchitecture(name, supported: supported) }
    return try open(config, weights, adapters, modules)
  }
}
