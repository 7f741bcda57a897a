internal import Foundation
internal import QPEFTAdapters
internal import QPEFTFormats
internal import QPEFTModels

/// Writes an adapter in the form of other programs; the model is needed for the names and the order of its rows.
public struct AdapterExport: Sendable {
  /// Whose form.
  public enum Format: String, Sendable, CaseIterable {
    /// A GGUF file for llama.cpp's `--lora`.
    case gguf
    /// A directory for mlx-lm.
    case mlx
  }

  /// The model, the adapter on it, and what to write, which must not exist.
  public var model, adapter, output: String
  /// Whose form.
  public var format: Format

  /// A request; nothing happens before `run`.
  public init(model: String, adapter: String, output: String, format: Format) {
    self.model = model
    self.adapter = adapter
    self.output = output
    self.format = format
  }

  /// Exports, and returns the names of the adapted layers.
  /// - Throws: `GGUFExportError`, `MLXExportError`, `AdapterExportError`, `FileError`, and what opening throws.
  @discardableResult
  public func run() throws -> [String] {
    let base = try BaseModel(model)
    let tuned = try base.attach(adapter: adapter)
    let updates = try tuned.lowRankUpdates()
    let settings = tuned.adapters?.configuration ?? LoRAConfiguration()
    switch format {
    case .gguf:
      guard !FileManager.default.fileExists(atPath: output) else { throw FileError.outputExists(path: output) }
      let config = try QuantizerSource(decoding: base.source).config
      let name = URL(fileURLWithPath: output).deletingPathExtension().lastPathComponent
      _ = try GGUFAdapterExporter(updates, config: config, alpha: settings.alpha).run(to: output, name: name)
    case .mlx:
      let dropout = Double("\(settings.dropout)") ?? Double(settings.dropout)
      try MLXAdapterExporter(updates, dropout: dropout, blocks: tuned.model.shape.blockCount).run(to: output)
    }
    return updates.map(\.module)
  }
}
