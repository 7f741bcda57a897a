internal import QPEFTJSON
extension PEFTAdapterConfig {
  /// Keys that have a place in this type, and those that do not change what the adapter computes, or are null or empty in every
  /// file read here.
  private static let known: Set<String> = [
    "alpha_pattern", "base_model_name_or_path", "bias", "exclude_modules", "fan_in_fan_out", "layers_pattern",
    "layers_to_transform", "lora_alpha", "lora_bias", "lora_dropout", "modules_to_save", "peft_type", "r",
    "rank_pattern", "revision", "target_modules", "task_type", "use_dora", "use_rslora",
    "auto_mapping", "peft_version", "inference_mode", "init_lora_weights", "megatron_core", "loftq_config",
    "qalora_group_size", "runtime_config",
  ]

  /// The text of `adapter_config.json` as PEFT up to 0.15 writes it: `json.dumps(..., indent=2, sort_keys=True)`.
  package var text: [UInt8] {
    func targets(_ value: PEFTTargetModules?) -> JSONValue {
      switch value {
      case .names(let names): .array(names.map { .string($0) })
      case .pattern(let pattern): .string(pattern)
      case nil: .null
      }
    }
    func number(_ value: Double) -> JSONValue { Int(exactly: value).map { .integer($0) } ?? .number(value) }
    func optional(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    let ranks = JSONObject(self.ranks.map { ($0.key, .integer($0.value)) })
    let alphas = JSONObject(self.alphas.map { ($0.key, number($0.value)) })
    let members: JSONObject = [
      "alpha_pattern": .object(alphas), "auto_mapping": nil, "base_model_name_or_path": optional(baseModel),
      "bias": .string(bias), "corda_config": nil, "eva_config": nil, "exclude_modules": targets(excluded),
      "fan_in_fan_out": .bool(isFanInFanOut), "inference_mode": true, "init_lora_weights": true,
      "layer_replication": nil,
      "layers_pattern": layersPattern.isEmpty ? .null : .array(layersPattern.map { .string($0) }),
      "layers_to_transform": layers.map { .array($0.map { .integer($0) }) } ?? .null, "loftq_config": [:],
      "lora_alpha": number(alpha), "lora_bias": .bool(hasLoRABias), "lora_dropout": .number(dropout),
      "megatron_config": nil, "megatron_core": "megatron.core",
      "modules_to_save": savedModules.map { .array($0.map { .string($0) }) } ?? .null, "peft_type": .string(method),
      "r": .integer(rank), "rank_pattern": .object(ranks), "revision": optional(revision),
      "target_modules": targets(self.targets), "task_type": optional(taskType), "trainable_token_indices": nil,
      "use_dora": .bool(usesDoRA), "use_rslora": .bool(usesRankStabilizedScale),
    ]
    return JSONValue.object(members).bytes(.indented(sorted: true))
  }

  /// Reads `adapter_config.json`; `path` is the name in errors. Unknown keys are tolerated.
  package init(parsing bytes: [UInt8], path: String) throws(PEFTAdapterError) {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes, repeatedNames: .refused) } catch {
      throw .json(path: path, problem: "\(error)")
    }
    guard let object = json.object else { throw .json(path: path, problem: "is not a JSON object") }
    let reader = Reader(object: object, path: path)
    guard let method = try reader.string("peft_type") else {
      throw .setting(path: path, key: "peft_type", problem: "is missing")
    }
    self.init(
      rank: try reader.integer("r") ?? 8, alpha: try reader.number("lora_alpha") ?? 8,
      targets: try reader.targets("target_modules"))
    self.method = method
    taskType = try reader.string("task_type")
    baseModel = try reader.string("base_model_name_or_path")
    revision = try reader.string("revision")
    dropout = try reader.number("lora_dropout") ?? 0
    excluded = try reader.targets("exclude_modules")
    usesRankStabilizedScale = try reader.bool("use_rslora") ?? false
    usesDoRA = try reader.bool("use_dora") ?? false
    bias = try reader.string("bias") ?? "none"
    hasLoRABias = try reader.bool("lora_bias") ?? false
    isFanInFanOut = try reader.bool("fan_in_fan_out") ?? false
    savedModules = try reader.strings("modules_to_save")
    ranks = try reader.map("rank_pattern") { $0.integer }
    alphas = try reader.map("alpha_pattern") { $0.number }
    layers = try reader.integers("layers_to_transform")
    layersPattern = try reader.strings("layers_pattern") ?? []
    otherKeys = object.members.filter { name, value in
      !Self.known.contains(name) && ![.null, .bool(false), .object([:]), .array([])].contains(value)
    }.map(\.key)
    // These ways to start change the base too; PEFT converts them on request and then writes `true` here.
    let start = object["init_lora_weights"]?.string ?? ""
    if ["pissa", "olora", "corda", "loftq", "lora_ga"].contains(where: start.hasPrefix) {
      otherKeys.append("init_lora_weights")
    }
  }
}

/// Settings by key: nil where a key is missing or null, an error where it has another type.
private struct Reader {
  let object: JSONObject
  let path: String

  private func value<Value>(
    _ key: String, _ kind: String, _ read: (JSONValue) -> Value?
  ) throws(PEFTAdapterError) -> Value? {
    guard let node = object[key], node != .null else { return nil }
    guard let value = read(node) else { throw .setting(path: path, key: key, problem: "is not \(kind)") }
    return value
  }

  func string(_ key: String) throws(PEFTAdapterError) -> String? { try value(key, "a string") { $0.string } }
  func bool(_ key: String) throws(PEFTAdapterError) -> Bool? { try value(key, "true or false") { $0.bool } }
  func number(_ key: String) throws(PEFTAdapterError) -> Double? { try value(key, "a number") { $0.number } }
  func integer(_ key: String) throws(PEFTAdapterError) -> Int? { try value(key, "a whole number") { $0.integer } }

  /// A list, or one string for a list of one.
  func strings(_ key: String) throws(PEFTAdapterError) -> [String]? {
    try value(key, "a list of strings") { node in
      node.string.map { $0.isEmpty ? [] : [$0] } ?? Self.all(node.array) { $0.string }
    }
  }

  /// A list, or one number for a list of one.
  func integers(_ key: String) throws(PEFTAdapterError) -> [Int]? {
    try value(key, "a list of whole numbers") { node in
      node.integer.map { [$0] } ?? Self.all(node.array) { $0.integer }
    }
  }

  func targets(_ key: String) throws(PEFTAdapterError) -> PEFTTargetModules? {
    try value(key, "a string or a list of strings") { node in
      if let pattern = node.string { return .pattern(pattern) }
      return Self.all(node.array) { $0.string }.map { .names($0) }
    }
  }

  func map<Value>(_ key: String, _ read: (JSONValue) -> Value?) throws(PEFTAdapterError) -> [String: Value] {
    try value(key, "an object of numbers") { node in
      guard let members = node.object else { return nil }
      var map: [String: Value] = [:]
      for (name, member) in members.members {
        guard let value = read(member) else { return nil }
        map[name] = value
      }
      return map
    } ?? [:]
  }

  private static func all<Value>(_ nodes: [JSONValue]?, _ read: (JSONValue) -> Value?) -> [Value]? {
    guard let nodes else { return nil }
    let values = nodes.compactMap(read)
    return values.count == nodes.count ? values : nil
  }
}
