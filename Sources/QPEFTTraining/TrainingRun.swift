internal import Foundation
internal import QPEFTAutodiff
internal import QPEFTFormats
internal import QPEFTTensor

/// A whole run as a sequence of events: `for try await event in run`. Each `next()` does one piece of work, at most one step.
///
/// Nothing happens between two calls, so the task that iterates owns the model. A cancelled task ends with
/// `CancellationError` before its next piece of work; `saveSnapshot()` then keeps what is done.
public final class TrainingRun: AsyncSequence {
  /// What is run.
  public let trainer: Trainer
  /// Where it writes; nil: nowhere.
  public let output: TrainingOutput?
  /// Asked during work that can be left in the middle, an evaluation: where it is true, `next()` throws `CancellationError`,
  /// and the run may go on from there.
  public var isInterrupted: () -> Bool = { false }
  private var work: [Work] = [.start]
  private var metrics: MetricsWriter?

  private enum Work { case start, step, evaluate, snapshot, finish }

  /// A run that has not begun. With `resumes`, the trainer is put where the newest snapshot in `output` stands.
  /// - Throws: `TrainingError.outputExists` where `output` holds another run, `.outputNotEmpty` where it holds something else; with
  ///   `resumes`, `.noSnapshot` and `.differs`.
  public init(_ trainer: Trainer, output: TrainingOutput? = nil, resumes: Bool = false) throws {
    self.trainer = trainer
    self.output = output
    guard let output else { return }
    if resumes {
      try Snapshot.restore(trainer, from: output)
    } else {
      try Self.checkIsUnused(output.directory)
    }
  }

  /// A run that ended before its first snapshot leaves its metrics behind, and what it was writing: nothing to keep.
  private static func checkIsUnused(_ directory: String) throws(TrainingError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    guard Snapshot.all(in: directory).isEmpty, !names.contains(Snapshot.adapterFile),
      !MetricsWriter.isWriting(in: directory)
    else { throw .outputExists(directory) }
    let others = names.filter { $0 != MetricsWriter.fileName && !$0.contains(".partial-") }
    if let name = others.min() { throw .outputNotEmpty(directory, holding: name) }
  }

  /// Does the next piece of work and says what it was; nil at the end.
  public func next() throws -> TrainingEvent? {
    guard let next = work.first else { return nil }
    work.removeFirst()
    switch next {
    case .start: return .started(try start())
    case .step: return .step(try step())
    case .evaluate:
      do { return .evaluation(step: trainer.completedSteps, try trainer.evaluate(isInterrupted)) } catch {
        if error is CancellationError { work.insert(.evaluate, at: 0) }
        throw error
      }
    case .snapshot:
      guard let path = try saveSnapshot() else { return try self.next() }
      return .snapshot(step: trainer.completedSteps, path: path)
    case .finish:
      if let output { try output.writeAdapter(output.directory) }
      return .finished(step: trainer.completedSteps, adapter: output?.directory)
    }
  }

  /// Writes a snapshot of the steps done so far and returns its path; nil without an output directory or before the first step.
  @discardableResult
  public func saveSnapshot() throws -> String? {
    guard let output, trainer.completedSteps > 0 else { return nil }
    return try Snapshot.write(trainer, to: output)
  }

  private func start() throws -> TrainingSummary {
    // A run that does not fit leaves no directory behind; the file for activations needs one.
    let plan = try trainer.plan()
    if let output {
      try OutputDirectory.make(output.directory, for: output.directory)
      try OutputDirectory.checkSpace(at: output.directory, needed: bytesToWrite(plan))
      metrics = try MetricsWriter(directory: output.directory, keeping: trainer.completedSteps)
      trainer.scratchDirectory = output.directory
    }
    try trainer.prepare(plan)
    work.append(trainer.completedSteps < trainer.totalSteps ? .step : .finish)
    return TrainingSummary(
      firstStep: trainer.completedSteps + 1, lastStep: trainer.totalSteps, stepsPerEpoch: trainer.stepsPerEpoch,
      rows: trainer.rows.count, tokens: trainer.rows.tokenCount,
      trainedTokens: trainer.rows.trainedCount,
      parameters: trainer.parameters.reduce(0) { $0 + $1.value.count }, plan: plan)
  }

  /// Bytes of the adapter and of all snapshots that are on the disk at a time, of which there may always be one.
  private func bytesToWrite(_ plan: MemoryPlan) -> Int {
    let options = trainer.options
    let steps = trainer.totalSteps - trainer.completedSteps
    let regular = options.saveSteps > 0 ? (steps - 1) / options.saveSteps : 0
    // An old one goes when the next one is there.
    let count = Swift.max(1, Swift.min(regular, options.keptSnapshots + 1))
    return plan.adapters + count * (plan.adapters + plan.optimizer)
  }

  private func step() throws -> StepMetrics {
    let result: StepMetrics
    do { result = try trainer.step() } catch {
      switch error {
      case .notFinite(let what, let step, _):
        throw TrainingError.notFinite(what: what, step: step, lastSnapshot: try? saveSnapshot())
      case .memoryRefused(let refusal, let step, _):
        throw TrainingError.memoryRefused(refusal, step: step, lastSnapshot: try? saveSnapshot())
      case .activations, .activationCache:
        // The disk may have no room for a snapshot either; the last one is kept then.
        _ = try? saveSnapshot()
        throw error
      default: throw error
      }
    }
    try metrics?.write(result)
    let done = trainer.completedSteps
    let isLast = done >= trainer.totalSteps
    if trainer.options.saveSteps > 0, done % trainer.options.saveSteps == 0, !isLast { work.append(.snapshot) }
    let isDue = trainer.options.evaluationSteps.map { done % $0 == 0 } ?? trainer.isAtEndOfEpoch
    if !trainer.evaluationRows.isEmpty, isLast || isDue { work.append(.evaluate) }
    work.append(isLast ? .finish : .step)
    return result
  }

  /// Starts from where the run stands.
  public func makeAsyncIterator() -> Iterator { Iterator(run: self) }

  /// The events still to come.
  public struct Iterator: AsyncIteratorProtocol {
    let run: TrainingRun

    /// Does the next piece of work on the caller's actor.
    /// - Throws: `CancellationError` if the task is cancelled, and what the work throws.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> TrainingEvent? {
      try Task.checkCancellation()
      return try run.next()
    }

    /// Does the next piece of work.
    public mutating func next() async throws -> TrainingEvent? {
      try Task.checkCancellation()
      return try run.next()
    }
  }
}
