public import QPEFTAdapters
public import QPEFTFormats
internal import QPEFTLayers
public import QPEFTModels
internal import QPEFTTensor
public import QPEFTText
internal import QPEFTTraining

/// A model, opened: weights mapped, tokenizer read. Where everything begins.
///
///     let base = try BaseModel("smol-nf4")
///     let tuned = try base.attach(LoRAConfiguration())
///     let data = try base.dataset("train.jsonl")
///     for try await event in try tuned.train(on: data.rows, output: "adapter") { print(event) }
///     for piece in try tuned.generate("Hello") { print(piece, terminator: "") }
public struct BaseModel {
  /// Name as given: a path, or `ORG/NAME` of the hub's cache.
  public let path: String
  /// Configuration and weights.
  public let source: ModelSource
  /// Tokenizer, chat template and end tokens.
  public let text: ChatTokenizer
  /// Sizes of the model.
  public let shape: ModelShape

  /// Bytes of weights that are resident at most; nil: all that are used.
  public let residentWeights: Int?

  /// Opens the model at `path`: a Hugging Face directory, quantized or not, a `.gguf` file, or either of these in the hub's
  /// cache by the name `ORG/NAME` (`HubPull` puts it there). Checks that tokenizer and weights belong together. With
  /// `residentWeights`, weights are read from disk as their turn comes and dropped behind.
  /// - Throws: errors of files, checkpoint, architecture and tokenizer, each naming the thing.
  public init(_ path: String, residentWeights: Int? = nil) throws {
    self.path = path
    self.residentWeights = residentWeights
    let source = try ModelSource(path: ModelLocation.path(of: path))
    self.source = source
    let model = try Models.open(config: source.configData, weights: source)
    shape = model.shape
    text = try ChatTokenizer.load(
      source.madeTextFiles().map { ModelTextFiles($0, place: source.path) } ?? ModelTextFiles(directory: source.path))
    try text.tokenizer.check(vocabularySize: shape.vocabularySize)
  }

  /// The model as it is.
  public func withoutAdapter() throws -> AdaptedModel {
    AdaptedModel(
      base: self, model: try open(), adapters: nil)
  }

  /// The model with fresh LoRA adapters, whose first values `seed` decides; they change nothing until they are trained.
  /// - Throws: `AdapterError`, `TrainingError.memoryRefused`, and errors of the model's files.
  public func attach(
    _ configuration: LoRAConfiguration = LoRAConfiguration(), seed: UInt64 = 0
  ) throws -> AdaptedModel {
    let adapters = try LoRAAdapters(configuration, seed: seed)
    // What the system does not have is refused, instead of ending the process.
    let ledger = MemoryLedger()
    ledger.planned = 0
    let model = try MemoryLedger.$current.withValue(ledger) { try open(adapters.choice, adapters.modules) }
    if let refusal = ledger.refusal { throw TrainingError.memoryRefused(refusal, step: 0, lastSnapshot: nil) }
    try adapters.checkTargets()
    return AdaptedModel(base: self, model: model, adapters: adapters, warnings: adapters.warnings)
  }

  /// The model with the adapter in the directory `path`, of PEFT or of mlx-lm, to use it or to train it further.
  public func attach(adapter path: String, seed: UInt64 = 0) throws -> AdaptedModel {
    let isMLX = MLXAdapterDirectory.isFound(at: path)
    let saved = try isMLX ? MLXAdapterDirectory(path: path).peft() : PEFTAdapterDirectory(path: path)
    var tuned = try attach(LoRAConfiguration(saved.config), seed: seed)
    try tuned.adapters?.load(saved.tensors)
    tuned.warnings += LoRAConfiguration.warnings(of: saved.config)
    return tuned
  }

  private func open(
    _ choice: @escaping AdapterChoice = { _, _ in nil }, _ modules: @escaping ModuleChoice = { _, _ in nil }
  ) throws -> any LanguageModel {
    guard let limit = residentWeights else {
      return try Models.open(config: source.configData, weights: source, adapters: choice, modules: modules)
    }
    let residency = WeightResidency(limit: limit)
    let weights = StreamedWeights(source, residency)
    let model = try Models.open(config: source.configData, weights: weights, adapters: choice, modules: modules)
    try residency.check()
    return model
  }
}
