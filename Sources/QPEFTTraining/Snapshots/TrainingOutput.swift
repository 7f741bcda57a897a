/// Where a run writes, and how its adapter is written.
public struct TrainingOutput {
  /// Directory of the adapter, of `metrics.jsonl` and of snapshots. It is made when the run starts.
  public let directory: String
  /// Settings of the adapter by name, compared on resume.
  public let settings: [String: String]
  /// Writes the adapter, as it is now, into a directory that exists. The tensors' names in `adapter_model.safetensors` are
  /// those of the parameters.
  public let writeAdapter: (_ directory: String) throws -> Void

  /// An output directory and how to write adapters.
  public init(
    directory: String, settings: [String: String] = [:], writeAdapter: @escaping (_ directory: String) throws -> Void
  ) {
    self.directory = directory
    self.settings = settings
    self.writeAdapter = writeAdapter
  }
}
