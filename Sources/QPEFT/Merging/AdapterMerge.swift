public import QPEFTFormats
internal import QPEFTModels
public import QPEFTQuantization
public import QPEFTTensor
public import QPEFTTraining

/// Merges an adapter into its model: the result is an ordinary Hugging Face directory that needs neither qpeft nor peft.
///
///     let merge = AdapterMerge(model: "smol-nf4", adapter: "adapter", output: "smol-merged")
///     let report = try merge.run()
///     let difference = try merge.compare()
///
/// Each weight is computed in float32, about a million numbers at a time, from mapped files, rounded once to the type of the result
/// and written. The directory appears whole or not at all.
/// - Memory: the adapter, and at most ``memoryLimit`` bytes more, whatever the size of the model.
public struct AdapterMerge: Sendable {
  /// The weights that the adapter is added to.
  public enum Base: Hashable, Sendable {
    /// Those that the model computes with, 4-bit ones decoded: the adapter was trained on these, so the merged model answers as
    /// the model with the adapter does.
    case dequantized
    /// Those of another directory, usually the one that was quantized. What the adapter learned about the errors of
    /// quantization is then wrong by as much as it is right.
    case original(String)
  }

  /// How the result is stored.
  public enum Storage: Hashable, Sendable {
    /// As floats of this type; nil: of the type that the model's `config.json` names, bfloat16 where it names none.
    case float(ElementType?)
    /// Linear layers in 4 bits again. That rounds the update away where it is smaller than the steps of the levels: the report
    /// says how much is lost.
    case fourBit(QuantizationScheme)
  }

  /// Most bytes of numbers that a merge holds beside the adapter.
  public static let memoryLimit = 32 << 20

  /// Directories of the model, of the adapter, and of the result, which must not exist or be empty.
  public var model, adapter, output: String
  /// What the adapter is added to.
  public var base: Base
  /// How the result is stored.
  public var storage: Storage
  /// Longest file of weights, in bytes.
  public var shardByteLimit: Int

  /// A request; nothing happens before `run`.
  public init(
    model: String, adapter: String, output: String, base: Base = .dequantized, storage: Storage = .float(nil),
    shardByteLimit: Int = 5_000_000_000
  ) {
    self.model = model
    self.adapter = adapter
    self.output = output
    self.base = base
    self.storage = storage
    self.shardByteLimit = shardByteLimit
  }

  /// Merges. `progress` is called after every million weights or so; what it throws ends the run.
  /// - Throws: `MergeError`, `FileError` (also for too little space, before anything is written), what opening model and adapter
  ///   throws, `CancellationError` where the task is cancelled. Whatever is thrown, nothing is left behind.
  public func run(progress: @escaping (QuantizationProgress) throws -> Void = { _ in }) throws -> MergeReport {
    let tuned = try BaseModel(model).attach(adapter: adapter)
    let weights = try MergedWeights(tuned, base: base)
    let type = Self.type(storage) ?? weights.type
    var writer = CheckpointQuantizer(
      source: model, output: output, keptType: type, shardByteLimit: shardByteLimit)
    switch storage {
    case .float: writer.keep = ["*"]
    case .fourBit(let scheme): writer.scheme = scheme
    }
    let written = try writer.run(weights.source, progress: progress)
    return MergeReport(self, type: type, weights.updates, written)
  }

  private static func type(_ storage: Storage) -> ElementType? {
    if case .float(let type) = storage { return type }
    return nil
  }

  /// Finds out before the work whether `compare` can read its text.
  /// - Throws: `DatasetError`.
  public func checkText(_ path: String) throws {
    _ = try BaseModel(model).windows(ofText: path, length: 256)
  }

  /// How the merged model, now written, differs from the model with its adapter, on a text: the file at `path`, or a page that
  /// comes with qpeft. `progress` hears how many windows of how many are done.
  /// - Throws: what opening both models throws, and `DatasetError` for the text.
  public func compare(
    on path: String? = nil, window: Int = 256, progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws -> ModelComparison {
    let tuned = try BaseModel(model).attach(adapter: adapter)
    let merged = try BaseModel(output).withoutAdapter()
    let length = min(window, tuned.model.shape.maximumPositions)
    let rows =
      try path.map { try tuned.base.windows(ofText: $0, length: length) }
      ?? tuned.base.windows(of: SampleText.text, length: length)
    return try ModelComparison.run(tuned.model, merged.model, rows) { progress($0, rows.count) }
  }
}
