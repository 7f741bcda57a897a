public import QPEFTAdapters
internal import QPEFTKernels
public import QPEFTModels
public import QPEFTTraining

/// A model with its adapters: train it, save them, let it write. It belongs to one task at a time.
public struct AdaptedModel {
  /// Where it comes from.
  public let base: BaseModel
  /// The model; its linear layers hold the adapters.
  public let model: any LanguageModel
  /// What is trained; nil for a model as it is.
  public let adapters: LoRAAdapters?
  /// What the user should know about the adapter.
  public internal(set) var warnings: [AdapterWarning] = []

  /// The same, but the blocks below the lowest adapter compute each document once; what they make of it is then kept in
  /// `directory` and read from there. It is found again only by the same model and the same tokens, by any run.
  /// - Throws: `TrainingError.nothingToCache` if the first block has an adapter.
  public func caching(in directory: String, as storage: ActivationCache.Storage = .f32) throws(TrainingError)
    -> AdaptedModel
  {
    let source = base.source
    let blocks = model.frozenBlockCount
    let cached = try CachedModel(model, directory: directory, storage: storage) {
      let settings = "\(KernelSet.active) \(blocks) \(storage.rawValue)"
      return Fingerprint(files: source.files, and: [Array(source.configData), Array(settings.utf8)])
    }
    return AdaptedModel(base: base, model: cached, adapters: adapters, warnings: warnings)
  }

  /// A trainer of the adapters on rows, for loops of your own.
  /// - Throws: `TrainingError`.
  public func trainer(
    on rows: any RowSource, evaluation: any RowSource = [TrainingRow](), options: TrainingOptions = TrainingOptions(),
    loss: any TrainingLoss = CrossEntropyLoss(), optimizer: (any Optimizer)? = nil
  ) throws(TrainingError) -> Trainer {
    try Trainer(
      model: model, parameters: adapters?.parameters ?? [], rows: rows, evaluationRows: evaluation, options: options,
      loss: loss, optimizer: optimizer)
  }

  /// A whole run as a sequence of events. With an output directory it writes `metrics.jsonl`, snapshots and the adapter;
  /// with `resumes` it goes on from the newest snapshot there.
  /// - Throws: `TrainingError`, and what reading a snapshot throws.
  public func train(
    on rows: any RowSource, evaluation: any RowSource = [TrainingRow](), options: TrainingOptions = TrainingOptions(),
    output: String? = nil, resumes: Bool = false
  ) throws -> TrainingRun {
    let trainer = try trainer(on: rows, evaluation: evaluation, options: options)
    return try TrainingRun(
      trainer, output: output.map { trainingOutput($0, options.computeType) }, resumes: resumes)
  }

  /// Saves the adapter as PEFT does.
  public func save(to directory: String) throws {
    guard let adapters else { throw TrainingError.noParameters }
    try adapters.peft(baseModel: base.path).write(to: directory)
  }

  private func trainingOutput(_ directory: String, _ computeType: ComputeType) -> TrainingOutput {
    var settings = adapters?.configuration.settings ?? [:]
    // What is kept, and computed, in float32 has the numbers of a run without a cache.
    if let cache = (model as? CachedModel)?.cache, cache.storage != .f32 || computeType != .f32 {
      settings["cache_dtype"] = cache.storage.rawValue
    }
    return TrainingOutput(directory: directory, settings: settings, writeAdapter: save)
  }

  /// Tokens that end what the model writes.
  public var stopTokens: Set<Int32> { Set(base.text.eosIDs) }

  /// The model's continuation of a text, piece by piece as it is made.
  public func generate(_ prompt: String, options: GenerationOptions = GenerationOptions()) throws -> TextStream {
    try TextStream(self, prompt: base.text.encode(prompt), options)
  }

  /// The model's answer in a conversation, by its chat template.
  public func reply(to messages: [ChatMessage], options: GenerationOptions = GenerationOptions()) throws -> TextStream {
    try TextStream(self, prompt: base.text.encodeChat(messages.map { ($0.role, $0.content) }), options)
  }

  /// How many rows' answers the model gives exactly, choosing the likeliest token always. `progress` hears how many rows are
  /// done and how many of them are right.
  public func exactMatch(
    _ rows: any RowSource, progress: (_ done: Int, _ matches: Int) -> Void = { _, _ in }
  ) throws -> ExactMatchResult {
    let stopTokens = stopTokens
    let questions = try rows.rows(0..<rows.count).enumerated().map { index, row in
      guard let question = ExpectedAnswer(row, stopTokens: stopTokens) else {
        throw TrainingError.noAnswer(row: row.origin.isEmpty ? "row \(index + 1)" : row.origin)
      }
      return question
    }
    return try ExactMatch.run(
      model, questions, stopTokens: stopTokens, text: { base.text.tokenizer.decode($0, skipSpecialTokens: false) },
      progress: progress)
  }
}

/// One turn of a conversation.
public struct ChatMessage: Hashable, Sendable, Codable {
  /// `system`, `user` or `assistant`.
  public var role: String
  /// What is said.
  public var content: String

  /// A turn.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}
