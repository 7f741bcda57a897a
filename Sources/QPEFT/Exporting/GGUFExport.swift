internal import Foundation
public import QPEFTFormats
internal import QPEFTText

/// Writes a model, with its adapter merged in, as a GGUF file for llama.cpp, Ollama and everything built on them.
///
///     var export = GGUFExport(model: "smol-nf4", adapter: "adapter", output: "smol.gguf")
///     export.storage = .q4_k_m
///     let report = try export.run()
///
/// Tokenizer, special tokens and chat template come along. Beside the file lies `NAME.Modelfile` for `ollama create`.
/// - Memory: the adapter, and at most ``AdapterMerge/memoryLimit`` bytes more.
public struct GGUFExport: Sendable {
  /// The model: a directory or a file.
  public var model: String
  /// Directory of an adapter to merge; nil: the model as it is.
  public var adapter: String?
  /// The file to write, which must not exist.
  public var output: String
  /// What the adapter is merged into.
  public var base = AdapterMerge.Base.dequantized
  /// How matrices are stored.
  public var storage = GGUFStorage.q8_0

  /// A request; nothing happens before `run`.
  public init(model: String, adapter: String? = nil, output: String) {
    self.model = model
    self.adapter = adapter
    self.output = output
  }

  /// Exports. `progress` is called after every million weights or so; what it throws ends the run.
  /// - Throws: `GGUFExportError`, `MergeError`, `FileError`, what opening throws, `CancellationError`. Whatever is thrown, nothing
  ///   is left behind.
  public func run(progress: @escaping (QuantizationProgress) throws -> Void = { _ in }) throws -> GGUFExportReport {
    let modelfile = Self.modelfile(for: output)
    for path in [output, modelfile] where FileManager.default.fileExists(atPath: path) {
      throw FileError.outputExists(path: path)
    }
    let base = try BaseModel(model)
    let tuned = try adapter.map { try base.attach(adapter: $0) } ?? base.withoutAdapter()
    let weights = try MergedWeights(tuned, base: self.base)
    let exporter = try GGUFExporter(weights.source, storage: storage, template: base.text.template?.source)
    let name = URL(fileURLWithPath: output).deletingPathExtension().lastPathComponent
    // Under a temporary name before the work, so that at its end hardly anything can fail.
    let beside = try OutputFile(path: modelfile)
    let text = OllamaModelfile(base.text, file: URL(fileURLWithPath: output).lastPathComponent).text
    try beside.write(Array(text.utf8))
    let report = try exporter.run(to: output, name: name, progress: progress)
    do { try beside.finish() } catch {
      try? FileManager.default.removeItem(atPath: output)
      throw error
    }
    return report
  }

  /// Where the Modelfile of an output lies.
  public static func modelfile(for output: String) -> String {
    (output.hasSuffix(".gguf") ? String(output.dropLast(".gguf".count)) : output) + ".Modelfile"
  }
}
