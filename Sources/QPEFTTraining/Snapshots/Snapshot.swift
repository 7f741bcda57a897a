internal import Foundation
internal import QPEFTAutodiff
internal import QPEFTFormats
internal import QPEFTTensor

/// A directory `checkpoint-N`: adapter, optimizer and place of a run after step N. It appears whole or never.
enum Snapshot {
  static let optimizerFile = "optimizer.safetensors"
  static let adapterFile = "adapter_model.safetensors"

  static func path(in directory: String, step: Int) -> String { "\(directory)/checkpoint-\(step)" }

  /// Snapshots of a run by step, oldest first.
  static func all(in directory: String) -> [(step: Int, path: String)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("checkpoint-"), let step = Int(name.dropFirst("checkpoint-".count)) else { return nil }
      return (step, "\(directory)/\(name)")
    }.sorted { $0.step < $1.step }
  }

  /// Writes where `trainer` stands; a snapshot of that step which is already there is left.
  static func write(_ trainer: Trainer, to output: TrainingOutput) throws -> String {
    let path = path(in: output.directory, step: trainer.completedSteps)
    if FileManager.default.fileExists(atPath: path) { return path }
    let directory = try OutputDirectory(path: path)
    try output.writeAdapter(directory.temporary)
    try TensorFile.write(trainer.optimizer.state.tensors, to: directory.file(optimizerFile))
    try OutputFile.write(try TrainerState(trainer, output: output).json(), to: directory.file(TrainerState.fileName))
    try directory.finish()
    for old in all(in: output.directory).dropLast(trainer.options.keptSnapshots) {
      try? FileManager.default.removeItem(atPath: old.path)
    }
    return path
  }

  /// Puts `trainer` where the newest snapshot stands, exactly.
  /// - Throws: `TrainingError.noSnapshot`, `.differs`, `.snapshot`, `.optimizerState`, and what reading files throws.
  static func restore(_ trainer: Trainer, from output: TrainingOutput) throws {
    guard let path = all(in: output.directory).last?.path else { throw TrainingError.noSnapshot(output.directory) }
    let state = try TrainerState(snapshot: path)
    let differences = state.differences(from: TrainerState(trainer, output: output))
    guard differences.isEmpty else { throw TrainingError.differs(snapshot: path, differences) }
    let adapter = try TensorFile.read("\(path)/\(adapterFile)")
    for parameter in trainer.parameters {
      guard let value = adapter[parameter.name], value.shape == parameter.value.shape else {
        throw TrainingError.snapshot(path: path, problem: "the adapter lacks \(parameter.name) of this shape")
      }
    }
    let moments = try TensorFile.read("\(path)/\(optimizerFile)")
    try MemoryLedger.$current.withValue(trainer.ledger) {
      try trainer.optimizer.restore(OptimizerState(step: state.optimizerStep, tensors: moments))
    }
    for parameter in trainer.parameters { if let value = adapter[parameter.name] { parameter.value = value } }
    trainer.completedSteps = state.step
    if let rows = state.rowsAtOnce, rows > 0, let logits = state.logitsBytes, logits > 0 {
      trainer.keptLayout = StepLayout(recompute: trainer.layout.recompute, rows: rows, logitsByteCount: logits)
    }
  }
}
