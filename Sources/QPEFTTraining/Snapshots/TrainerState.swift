internal import Foundation

/// `trainer_state.json` of a snapshot: where the run stands, and what makes it the same run.
struct TrainerState: Codable {
  /// Steps done.
  var step: Int
  /// The epoch that goes on, from 0, for people; it follows from `step`.
  var epoch: Int
  /// Updates that the optimizer made.
  var optimizerStep: Int
  /// Steps of the whole run.
  var totalSteps: Int
  /// Settings of the run, of the optimizer and of the adapter.
  var settings: [String: String]
  /// How batches are split, which a run that goes on has to keep: other sums differ in their last bits.
  var rowsAtOnce: Int?
  var logitsBytes: Int?
  /// Fingerprints of the rows and of the frozen model.
  var data: String
  var model: String

  static let fileName = "trainer_state.json"

  /// Where `trainer` stands.
  init(_ trainer: Trainer, output: TrainingOutput) {
    step = trainer.completedSteps
    epoch = trainer.epoch(ofStep: step)
    optimizerStep = trainer.optimizer.state.step
    totalSteps = trainer.totalSteps
    rowsAtOnce = trainer.layout.rows
    logitsBytes = trainer.layout.logitsByteCount
    settings = trainer.options.settings
    settings.merge(trainer.optimizer.settings) { $1 }
    settings.merge(output.settings) { $1 }
    data = trainer.rows.fingerprint.description
    model = Fingerprint(model: trainer.model).description
  }

  /// Reads the state in a snapshot.
  init(snapshot: String) throws(TrainingError) {
    let path = snapshot + "/" + Self.fileName
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .snapshot(path: path, problem: "cannot be read")
    }
    do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
      throw .snapshot(path: path, problem: "is not the state of a run")
    }
  }

  /// Its text.
  func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// In what a run that now stands at `now` is another one.
  func differences(from now: TrainerState) -> [TrainingError.Difference] {
    var differences = Set(settings.keys).union(now.settings.keys).sorted().compactMap { name in
      settings[name] == now.settings[name]
        ? nil
        : TrainingError.Difference(
          name: name, saved: settings[name] ?? "(not set)", now: now.settings[name] ?? "(not set)")
    }
    func compare(_ name: String, _ saved: String, _ now: String) {
      if saved != now { differences.append(.init(name: name, saved: saved, now: now)) }
    }
    compare("number of steps", "\(totalSteps)", "\(now.totalSteps)")
    compare("fingerprint of the data", data, now.data)
    compare("fingerprint of the model", model, now.model)
    return differences
  }
}
