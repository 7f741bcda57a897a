public import QPEFTAdapters
public import QPEFTFormats
public import QPEFTModels
public import QPEFTText

/// A model directory, opened: weights mapped, tokenizer read. Where everything begins.
///
///     let base = try BaseModel("smol-nf4")
///     let tuned = try base.attach(LoRAConfiguration())
///     let data = try base.dataset("train.jsonl")
///     for try await event in try tuned.train(on: data.rows, output: "adapter") { print(event) }
///     for piece in try tuned.generate("Hello") { print(piece, terminator: "") }
public struct BaseModel {
  /// Path as given.
  public let path: String
  /// Configuration and weights.
  public let directory: HuggingFaceDirectory
  /// Tokenizer, chat template and end tokens.
  public let text: ChatTokenizer
  /// Sizes of the model.
  public let shape: ModelShape

  /// Opens the directory at `path`, quantized or not, and checks that tokenizer and weights belong together.
  /// - Throws: errors of files, checkpoint, architecture and tokenizer, each naming the thing.
  public init(_ path: String) throws {
    self.path = path
    directory = try HuggingFaceDirectory(path: path)
    let model = try Models.open(config: directory.configData, weights: directory)
    shape = model.shape
    text = try ChatTokenizer.load(directory: path)
    try text.tokenizer.check(vocabularySize: shape.vocabularySize)
  }

  /// The model as it is.
  public func withoutAdapter() throws -> AdaptedModel {
    AdaptedModel(
      base: self, model: try Models.open(config: directory.configData, weights: directory), adapters: nil)
  }

  /// The model with fresh LoRA adapters, whose first values `seed` decides; they change nothing until they are trained.
  public func attach(
    _ configuration: LoRAConfiguration = LoRAConfiguration(), seed: UInt64 = 0
  ) throws -> AdaptedModel {
    let adapters = try LoRAAdapters(configuration, seed: seed)
    let model = try Models.open(
      config: directory.configData, weights: directory, adapters: adapters.choice, modules: adapters.modules)
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
}
