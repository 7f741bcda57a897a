import QPEFTAdapters
import QPEFTAutodiff
import QPEFTFormats
import QPEFTKernels
import QPEFTLayers
import QPEFTTensor
import Testing

@Suite("Which layer gets what") struct MatchingTests {
  static func site(_ name: String) -> LinearSite { LinearSite(name: name, rows: 2, columns: 2) }

  /// What peft's `check_target_module_exists` says of these.
  static let cases: [(String, @Sendable (inout LoRAConfiguration) -> Void, Bool)] = [
    ("model.layers.3.self_attn.q_proj", { $0.excluded = .names(["q_proj"]) }, false),
    ("model.layers.3.self_attn.q_proj", { $0.excluded = .names(["3.self_attn.q_proj"]) }, false),
    ("model.layers.3.self_attn.q_proj", { $0.excluded = .names(["attn.q_proj"]) }, true),
    ("model.layers.3.self_attn.q_proj", { $0.excluded = .pattern(#".*\.[qk]_proj"#) }, false),
    ("model.layers.3.self_attn.q_proj", { $0.excluded = .pattern("q_proj") }, true),
    ("model.layers.3.self_attn.q_proj", { $0.layers = [3, 5] }, true),
    ("model.layers.3.self_attn.q_proj", { $0.layers = [4] }, false),
    ("model.layers.3.self_attn.q_proj", { $0.layers = [] }, true),
    ("model.layers.3.experts.0.up", { $0.layers = [3] }, true),
    ("model.layers.3.experts.0.up", { ($0.layers, $0.layersPattern) = ([0], ["experts"]) }, true),
    ("model.layers.3.experts.0.up", { ($0.layers, $0.layersPattern) = ([3], ["blocks", "layers"]) }, true),
    ("model.layers.3.self_attn.q_proj", { ($0.layers, $0.layersPattern) = ([3], ["blocks"]) }, false),
    ("lm_head", { $0.layers = [0] }, false),
    (
      "model.layers.3.self_attn.q_proj",
      { ($0.targets, $0.layers) = (.names(["model.layers.3.self_attn.q_proj"]), [0]) }, true
    ),
    ("model.layers.3.self_attn.q_proj", { $0.savedModules = ["self_attn"] }, false),
    ("model.layers.3.self_attn.q_proj", { $0.savedModules = ["attn"] }, true),
  ]

  @Test(arguments: cases.indices) func `is what peft's rules say`(index: Int) throws {
    let (name, change, expected) = Self.cases[index]
    var configuration = LoRAConfiguration()
    change(&configuration)
    #expect(try configuration.matches(Self.site(name)) == expected, "\(index): \(name)")
  }

  @Test func `ranks and alphas come from the first key that ends the path`() throws {
    var configuration = LoRAConfiguration()
    configuration.rankPattern = ["q_proj": 4, #"1\.self_attn\.q_proj"#: 3, "(k|v)_proj": 5, "attn": 9]
    configuration.alphaPattern = ["q_proj": 7]
    configuration.usesRSLoRA = true
    func settings(_ name: String) throws -> LoRAConfiguration { try configuration.resolved(for: Self.site(name)) }
    #expect(try settings("model.layers.0.self_attn.q_proj").rank == 4)
    #expect(try settings("model.layers.1.self_attn.q_proj").rank == 3)
    #expect(try settings("model.layers.1.self_attn.v_proj").rank == 5)
    #expect(try settings("model.layers.1.self_attn.o_proj").rank == 16)
    #expect(try settings("model.layers.0.self_attn.q_proj").scale == 3.5)
    #expect(try settings("model.layers.0.self_attn.o_proj").scale == 8)
    configuration.rankPattern = ["(": 4]
    #expect(throws: AdapterError.self) { try settings("a") }
  }

  @Test func `gaussian first values have a deviation of one over the rank`() throws {
    var configuration = LoRAConfiguration()
    configuration.initialization = .gaussian
    configuration.rank = 8
    let site = LinearSite(name: "a", rows: 2, columns: 4000)
    let a = LoRA(configuration, at: site, seed: 1).a.value
    #expect(abs(a.sum() / 32_000) < 0.003)
    #expect(abs((a.sumOfSquares() / 32_000).squareRoot() - 0.125) < 0.002)
    #expect(LoRA(configuration, at: site, seed: 1).a.value == a && LoRA(configuration, at: site, seed: 2).a.value != a)
  }
}

@Suite("Settings of adapter files") struct AdapterSettingsTests {
  static func read(_ members: String) throws -> (LoRAConfiguration, [AdapterWarning]) {
    let text = #"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]"# + members + "}"
    let config = try PEFTAdapterConfig(parsing: Array(text.utf8), path: "adapter_config.json")
    return (try LoRAConfiguration(config), LoRAConfiguration.warnings(of: config))
  }

  @Test func `are understood`() throws {
    let (configuration, warnings) = try Self.read(
      #", "use_dora": true, "use_rslora": true, "bias": "lora_only", "modules_to_save": ["norm"], "layers_to_transform": 3, "#
        + #""layers_pattern": "layers", "exclude_modules": "x", "rank_pattern": {"a": 3}, "alpha_pattern": {"b": 1.5}"#)
    #expect(warnings.isEmpty && configuration.usesDoRA && configuration.usesRSLoRA && configuration.bias == .loraOnly)
    #expect(configuration.savedModules == ["norm"] && configuration.layers == [3])
    #expect(configuration.layersPattern == ["layers"] && configuration.excluded == .pattern("x"))
    #expect(configuration.rankPattern == ["a": 3] && configuration.alphaPattern == ["b": 1.5])
  }

  @Test func `that nobody knows are told and ignored`() throws {
    let (_, warnings) = try Self.read(#", "brand_new": 3, "eva_config": {"rho": 2}, "use_qalora": false"#)
    #expect(warnings == [.unknownKey("brand_new")])
    #expect("\(warnings[0])".contains("brand_new"))
  }

  @Test(arguments: [
    ("use_qalora", "true"), ("target_parameters", #"["a"]"#), ("layer_replication", "[[0, 1]]"),
    ("trainable_token_indices", "[1]"), ("alora_invocation_tokens", "[1]"), ("megatron_config", #"{"a": 1}"#),
    ("init_lora_weights", #""pissa""#), ("fan_in_fan_out", "true"), ("bias", #""some""#),
    ("arrow_config", #"{"a": 1}"#),
    ("kasa_config", #"{"a": 1}"#), ("velora_config", #"{"a": 1}"#), ("use_bdlora", #"{"a": 1}"#),
  ])
  func `that change the mathematics and are not built are named`(key: String, value: String) {
    do {
      _ = try Self.read(#", "\#(key)": \#(value)"#)
      Issue.record("\(key) was read")
    } catch AdapterError.setting(let name, _) { #expect(name == key) } catch { Issue.record("\(error)") }
  }

  @Test(arguments: [
    #", "use_dora": true, "lora_bias": true"#, #", "layers_pattern": "layers""#, #", "layers_to_transform": [-1]"#,
    #", "rank_pattern": {"a": 0}"#, #", "alpha_pattern": {"a": -1}"#,
    #", "ensure_weight_tying": true, "modules_to_save": ["lm_head"]"#,
  ])
  func `that make no sense are refused`(members: String) {
    #expect(throws: AdapterError.self) { try Self.read(members) }
  }

  @Test func `that name embeddings or heads as targets are refused, and modules that are not there`() throws {
    var configuration = LoRAConfiguration()
    configuration.targets = .names(["q_proj", "lm_head"])
    var adapters = try LoRAAdapters(configuration)
    let weight = Tensor.zeros([2, 2])
    #expect(throws: AdapterError.self) { try adapters.modules(ModuleSite(name: "lm_head", kind: .head)) { weight } }

    configuration.targets = .allLinear
    configuration.savedModules = ["lm_head", "score"]
    adapters = try LoRAAdapters(configuration)
    let base = FrozenLinear(weight: DenseMatrix(weight))
    _ = try adapters.choice(LinearSite(name: "model.layers.0.self_attn.q_proj", rows: 2, columns: 2), base)
    #expect(try adapters.modules(ModuleSite(name: "lm_head", kind: .head, isTied: true)) { weight } != nil)
    #expect(adapters.warnings == [.untied("lm_head")])
    #expect(throws: AdapterError.setting(name: "modules_to_save", problem: "no module's path ends with score")) {
      try adapters.checkTargets()
    }
  }

  @Test func `whose patterns match nothing are told`() throws {
    var configuration = LoRAConfiguration()
    configuration.rankPattern = ["k_proj": 3, "q_proj": 2]
    let adapters = try LoRAAdapters(configuration)
    let base = FrozenLinear(weight: DenseMatrix(.zeros([2, 2])))
    _ = try adapters.choice(LinearSite(name: "model.layers.0.self_attn.q_proj", rows: 2, columns: 2), base)
    try adapters.checkTargets()
    #expect(adapters.warnings == [.unusedPattern(setting: "rank_pattern", key: "k_proj")])
  }

  @Test func `whose names are no layer's are told`() throws {
    var configuration = LoRAConfiguration()
    configuration.targets = .names(["q_proj", "nope", "proj"])
    configuration.excluded = .names(["dwon_proj", "lm_head", "layers.0.mlp.down_proj"])
    let adapters = try LoRAAdapters(configuration)
    let base = FrozenLinear(weight: DenseMatrix(.zeros([2, 2])))
    for name in ["self_attn.q_proj", "mlp.down_proj"] {
      _ = try adapters.choice(LinearSite(name: "model.layers.0.\(name)", rows: 2, columns: 2), base)
    }
    _ = try adapters.modules(ModuleSite(name: "lm_head", kind: .head)) { .zeros([2, 2]) }
    try adapters.checkTargets()
    #expect(
      adapters.warnings == [
        .unusedName(setting: "target_modules", name: "nope"), .unusedName(setting: "target_modules", name: "proj"),
        .unusedName(setting: "exclude_modules", name: "dwon_proj"),
      ])
  }

  @Test func `give B, magnitudes and biases their own learning rate with LoRA+`() throws {
    var configuration = LoRAConfiguration()
    configuration.plusRatio = 16
    configuration.usesDoRA = true
    let adapters = try LoRAAdapters(configuration)
    let base = FrozenLinear(weight: DenseMatrix(.uniform([2, 2], key: .init(seed: 1))))
    _ = try adapters.choice(LinearSite(name: "q_proj", rows: 2, columns: 2), base)
    #expect(adapters.parameters.map(\.learningRateRatio) == [1, 16, 16])
  }

  @Test func `let factors and magnitudes decay, and neither biases nor norms`() throws {
    var configuration = LoRAConfiguration()
    configuration.usesDoRA = true
    configuration.bias = .all
    configuration.savedModules = ["norm"]
    let adapters = try LoRAAdapters(configuration)
    let base = FrozenLinear(weight: DenseMatrix(.uniform([2, 2], key: .init(seed: 1))), bias: .zeros([2]))
    _ = try adapters.choice(LinearSite(name: "q_proj", rows: 2, columns: 2), base)
    _ = try adapters.modules(ModuleSite(name: "model.norm", kind: .norm)) { .zeros([2]) }
    let decaying = adapters.parameters.filter { $0.weightDecayRatio == 1 }.map(\.name)
    #expect(decaying.count == 3 && decaying.allSatisfy { $0.contains(".lora_") }, "\(decaying)")
    #expect(adapters.parameters.filter { $0.weightDecayRatio == 0 }.count == 2)
  }
}
