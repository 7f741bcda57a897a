internal import ArgumentParser
internal import QPEFT

/// LoRA on the command line; the names of options that files have too are peft's.
struct AdapterArguments: ParsableArguments {
  private static let defaults = LoRAConfiguration()

  // Options are nil where they are not given: beside --init-adapter they have no place.

  @Option(parsing: .unconditional, help: "Rank of the adapter's matrices. (default: \(defaults.rank))")
  var rank: Int?

  @Option(parsing: .unconditional, help: "The update is scaled by alpha / rank. (default: \(defaults.alpha))")
  var alpha: Float?

  @Option(
    parsing: .unconditional,
    help: "Probability with which inputs of the adapter are dropped in training. (default: \(defaults.dropout))")
  var dropout: Float?

  @Option(
    help: ArgumentHelp(
      "Layers that get an adapter: all-linear, names such as q_proj,v_proj, or a regular expression for whole paths. "
        + "(default: all-linear)"))
  var targets: String?

  @Option(
    help: ArgumentHelp("Layers that get none: names, or a regular expression for whole paths.", valueName: "names"))
  var excludeModules: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Adapters on the last blocks only; nothing is kept of the blocks below.", valueName: "n"))
  var layers: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Numbers of the blocks that get adapters, such as 0,1,5.", valueName: "numbers"))
  var layersToTransform: String?

  @Flag(help: "Train a magnitude for every row of the weights too (DoRA).")
  var useDora = false

  @Flag(help: "Scale the update by alpha / √rank instead (rsLoRA).")
  var useRslora = false

  @Option(help: "Biases that are trained: none, all, or lora_only (of layers with an adapter). (default: none)")
  var bias: LoRAConfiguration.Bias?

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

  @Option(help: "First values of A: kaiming or gaussian. B is zero. (default: kaiming)")
  var initLoraWeights: LoRAConfiguration.Initialization?

  @Option(
    parsing: .unconditional,
    help: "The learning rate of B, magnitudes and biases is this many times that of A (LoRA+). (default: 1)")
  var loraPlusRatio: Double?

  @Option(
    help: ArgumentHelp(
      "Start from this adapter (PEFT or mlx); all settings of the adapter are then its own.", valueName: "dir"))
  var initAdapter: String?

  func validate() throws {
    if let rank { try Limits.check(rank, in: 1...LoRAConfiguration.mostRank, "--rank") }
    if let alpha, !(alpha > 0 && alpha.isFinite) { throw ValidationError("--alpha must be above 0.") }
    if let dropout, !(0..<1).contains(dropout) {
      throw ValidationError("--dropout must be at least 0 and below 1.")
    }
    if let loraPlusRatio, !(loraPlusRatio > 0 && loraPlusRatio.isFinite) {
      throw ValidationError("--lora-plus-ratio must be above 0.")
    }
    if targets?.isEmpty == true { throw ValidationError("--targets must name something.") }
    if excludeModules?.isEmpty == true { throw ValidationError("--exclude-modules must name something.") }
    if modulesToSave?.isEmpty == true { throw ValidationError("--modules-to-save must name something.") }
    if let layers, layers < 1 { throw ValidationError("--layers must be at least 1.") }
    if layers != nil && layersToTransform != nil {
      throw ValidationError("Give --layers or --layers-to-transform, not both.")
    }
    if initAdapter != nil, let option = given.first {
      throw ValidationError(
        "\(option) is for new adapters; one that is given with --init-adapter has its own settings.")
    }
    do { try configuration(blocks: nil).validate() } catch let error as AdapterError {
      throw ValidationError("\(error)".sentence)
    }
  }

  /// Settings of a new adapter that are on the command line.
  private var given: [String] {
    let options = [
      ("--rank", rank != nil), ("--alpha", alpha != nil), ("--dropout", dropout != nil), ("--targets", targets != nil),
      ("--exclude-modules", excludeModules != nil), ("--layers", layers != nil),
      ("--layers-to-transform", layersToTransform != nil), ("--use-dora", useDora), ("--use-rslora", useRslora),
      ("--bias", bias != nil), ("--lora-bias", loraBias), ("--modules-to-save", modulesToSave != nil),
      ("--rank-pattern", !rankPattern.isEmpty), ("--alpha-pattern", !alphaPattern.isEmpty),
      ("--init-lora-weights", initLoraWeights != nil), ("--lora-plus-ratio", loraPlusRatio != nil),
    ]
    return options.filter(\.1).map(\.0)
  }

  /// The settings for a model of so many blocks; nil as long as none is known.
  func configuration(blocks: Int?) throws -> LoRAConfiguration {
    var configuration = LoRAConfiguration()
    configuration.rank = rank ?? configuration.rank
    configuration.alpha = alpha ?? configuration.alpha
    configuration.dropout = dropout ?? configuration.dropout
    configuration.targets = TargetModules(targets ?? "all-linear")
    configuration.excluded = excludeModules.map { TargetModules($0) }
    configuration.layers = try blockNumbers(blocks)
    configuration.usesDoRA = useDora
    configuration.usesRSLoRA = useRslora
    configuration.bias = bias ?? configuration.bias
    configuration.hasLoRABias = loraBias
    configuration.savedModules = Self.names(modulesToSave ?? "")
    configuration.rankPattern = try Self.map(rankPattern, "--rank-pattern", Int.init)
    configuration.alphaPattern = try Self.map(alphaPattern, "--alpha-pattern", Float.init)
    configuration.initialization = initLoraWeights ?? configuration.initialization
    configuration.plusRatio = loraPlusRatio ?? configuration.plusRatio
    return configuration
  }

  private func blockNumbers(_ blocks: Int?) throws -> [Int]? {
    if let layers {
      guard let blocks else { return [0] }
      guard layers <= blocks else {
        throw Failure(message: "--layers \(layers): the model has \(blocks) blocks", remedy: "name at most as many")
      }
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
