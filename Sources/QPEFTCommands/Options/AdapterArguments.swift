internal import ArgumentParser
internal import QPEFT

/// LoRA on the command line; the names of options that files have too are peft's.
struct AdapterArguments: ParsableArguments {
  @Option(help: "Rank of the adapter's matrices.")
  var rank = LoRAConfiguration().rank

  @Option(help: "The update is scaled by alpha / rank.")
  var alpha = LoRAConfiguration().alpha

  @Option(help: "Probability with which inputs of the adapter are dropped in training.")
  var dropout = LoRAConfiguration().dropout

  @Option(
    help: ArgumentHelp(
      "Layers that get an adapter: all-linear, names such as q_proj,v_proj, or a regular expression for whole paths."))
  var targets = "all-linear"

  @Option(
    help: ArgumentHelp("Layers that get none: names, or a regular expression for whole paths.", valueName: "names"))
  var excludeModules: String?

  @Option(help: ArgumentHelp("Adapters on the last blocks only; nothing is kept of the blocks below.", valueName: "n"))
  var layers: Int?

  @Option(help: ArgumentHelp("Numbers of the blocks that get adapters, such as 0,1,5.", valueName: "numbers"))
  var layersToTransform: String?

  @Flag(help: "Train a magnitude for every row of the weights too (DoRA).")
  var useDora = false

  @Flag(help: "Scale the update by alpha / √rank instead (rsLoRA).")
  var useRslora = false

  @Option(help: "Biases that are trained: none, all, or lora_only (of layers with an adapter).")
  var bias = LoRAConfiguration().bias

  @Flag(help: "Give the matrix B a bias.")
  var loraBias = false

  @Option(
    help: ArgumentHelp(
      "Modules that are trained whole, in float32: ends of paths such as lm_head,embed_tokens,norm.", valueName: "names"
    ))
  var modulesToSave: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Another rank for layers whose path ends with this, a regular expression; may be repeated.", valueName: "key=rank"
    ))
  var rankPattern: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Another alpha for layers whose path ends with this, a regular expression; may be repeated.",
      valueName: "key=alpha"))
  var alphaPattern: [String] = []

  @Option(help: "First values of A: kaiming or gaussian. B is zero.")
  var initLoraWeights = LoRAConfiguration().initialization

  @Option(help: "The learning rate of B, magnitudes and biases is this many times that of A (LoRA+).")
  var loraPlusRatio = LoRAConfiguration().plusRatio

  @Option(
    help: ArgumentHelp(
      "Start from this adapter (PEFT or mlx); all settings of the adapter are then its own.", valueName: "dir"))
  var initAdapter: String?

  func validate() throws {
    if rank < 1 { throw ValidationError("--rank must be at least 1.") }
    if !(alpha > 0 && alpha.isFinite) { throw ValidationError("--alpha must be above 0.") }
    if !(0..<1).contains(dropout) { throw ValidationError("--dropout must be at least 0 and below 1.") }
    if targets.isEmpty { throw ValidationError("--targets must name something.") }
    if excludeModules?.isEmpty == true { throw ValidationError("--exclude-modules must name something.") }
    if modulesToSave?.isEmpty == true { throw ValidationError("--modules-to-save must name something.") }
    if let layers, layers < 1 { throw ValidationError("--layers must be at least 1.") }
    if layers != nil && layersToTransform != nil {
      throw ValidationError("Give --layers or --layers-to-transform, not both.")
    }
    if initAdapter != nil && loraPlusRatio != 1 {
      throw ValidationError("--lora-plus-ratio is for new adapters; it cannot be given with --init-adapter.")
    }
    do { try configuration(blocks: max(layers ?? 1, 1)).validate() } catch let error as AdapterError {
      throw ValidationError("\(error).")
    }
  }

  /// The settings for a model of so many blocks.
  func configuration(blocks: Int) throws -> LoRAConfiguration {
    var configuration = LoRAConfiguration()
    configuration.rank = rank
    configuration.alpha = alpha
    configuration.dropout = dropout
    configuration.targets = TargetModules(targets)
    configuration.excluded = excludeModules.map { TargetModules($0) }
    configuration.layers = try blockNumbers(blocks)
    configuration.usesDoRA = useDora
    configuration.usesRSLoRA = useRslora
    configuration.bias = bias
    configuration.hasLoRABias = loraBias
    configuration.savedModules = Self.names(modulesToSave ?? "")
    configuration.rankPattern = try Self.map(rankPattern, "--rank-pattern", Int.init)
    configuration.alphaPattern = try Self.map(alphaPattern, "--alpha-pattern", Float.init)
    configuration.initialization = initLoraWeights
    configuration.plusRatio = loraPlusRatio
    return configuration
  }

  private func blockNumbers(_ blocks: Int) throws -> [Int]? {
    if let layers {
      guard layers <= blocks else { throw ValidationError("--layers \(layers): the model has \(blocks) blocks.") }
      return Array((blocks - layers)..<blocks)
    }
    return try layersToTransform.map { text in
      try Self.names(text).map { name in
        guard let number = Int(name), number >= 0 else {
          throw ValidationError("--layers-to-transform: \(name) is not the number of a block.")
        }
        return number
      }
    }
  }

  private static func names(_ text: String) -> [String] {
    text.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
  }

  private static func map<Value>(
    _ texts: [String], _ option: String, _ read: (String) -> Value?
  ) throws -> [String: Value] {
    var map: [String: Value] = [:]
    for text in texts {
      guard let sign = text.lastIndex(of: "="), sign != text.startIndex,
        let value = read(String(text[text.index(after: sign)...]))
      else { throw ValidationError("\(option): \(text) is not KEY=NUMBER.") }
      map[String(text[..<sign])] = value
    }
    return map
  }
}
