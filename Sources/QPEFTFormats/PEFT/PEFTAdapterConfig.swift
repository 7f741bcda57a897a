public import Foundation

/// The layers that an adapter is on, as PEFT's `target_modules` tells.
public enum PEFTTargetModules: Hashable, Sendable {
  /// Names, or ends of names, of modules.
  case names([String])
  /// A regular expression that a module's whole name matches, or `all-linear`.
  case pattern(String)
}

/// `adapter_config.json` of a LoRA adapter. Knows nothing of models: what a setting means is for others to say.
public struct PEFTAdapterConfig: Hashable, Sendable {
  /// `peft_type`, always `LORA` in what is written here.
  public var method = "LORA"
  /// `task_type`, for example `CAUSAL_LM`.
  public var taskType: String? = "CAUSAL_LM"
  /// `base_model_name_or_path`.
  public var baseModel: String?
  /// `revision` of the base model.
  public var revision: String?
  /// `r`.
  public var rank: Int
  /// `lora_alpha`.
  public var alpha: Double
  /// `lora_dropout`.
  public var dropout = 0.0
  /// `target_modules`.
  public var targets: PEFTTargetModules?
  /// `exclude_modules`.
  public var excluded: PEFTTargetModules?
  /// `use_rslora`: the scale is alpha over the root of the rank.
  public var usesRankStabilizedScale = false
  /// `use_dora`.
  public var usesDoRA = false
  /// `bias`: `none`, `all` or `lora_only`.
  public var bias = "none"
  /// `lora_bias`: B has a bias.
  public var hasLoRABias = false
  /// `fan_in_fan_out`: weights are stored transposed.
  public var isFanInFanOut = false
  /// `modules_to_save`: modules stored whole.
  public var savedModules: [String]?
  /// `rank_pattern` and `alpha_pattern`: settings of single modules.
  public var ranks: [String: Int] = [:]
  /// `alpha_pattern`.
  public var alphas: [String: Double] = [:]
  /// `layers_to_transform`: blocks that have adapters; nil is all.
  public var layers: [Int]?
  /// `layers_pattern`: what stands before a block's number in a path; empty: anything.
  public var layersPattern: [String] = []
  /// Keys of the file that are set and have no place in this type; PEFT too would warn of those it does not know.
  public internal(set) var otherKeys: [String] = []

  /// A plain LoRA of that rank.
  public init(rank: Int, alpha: Double, targets: PEFTTargetModules? = nil) {
    self.rank = rank
    self.alpha = alpha
    self.targets = targets
  }
}

/// An adapter directory that cannot be used.
public enum PEFTAdapterError: Error, Equatable, CustomStringConvertible {
  /// A file is missing.
  case missingFile(path: String, remedy: String)
  /// The configuration is not JSON.
  case json(path: String, problem: String)
  /// A setting is missing or has another type than it should.
  case setting(path: String, key: String, problem: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .missingFile(let path, _): "\(path) is missing"
    case .json(let path, let problem): "\(path): \(problem)"
    case .setting(let path, let key, let problem): "\(path): \(key) \(problem)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .missingFile(_, let remedy): remedy
    case .json, .setting: "use an adapter that PEFT saved, or save it again"
    }
  }
}

extension PEFTAdapterError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
