public import Foundation
public import QPEFTFormats
public import QPEFTTensor

/// A run that cannot start or go on.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// A setting that makes no sense.
  case option(name: String, problem: String)
  /// There is nothing to train on.
  case noRows
  /// A row in which no token is trained.
  case noTrainedTokens(row: String)
  /// A row without a prompt or without an answer, where answers are to be compared.
  case noAnswer(row: String)
  /// A row that is no longer in its file as it was.
  case rowChanged(row: String, reason: String)
  /// A token that the model does not know.
  case tokenOutside(row: String, token: Int32, vocabulary: Int)
  /// There is nothing to train.
  case noParameters
  /// The loss or the gradient is not a number. `lastSnapshot` holds the state before that step.
  case notFinite(what: String, step: Int, lastSnapshot: String?)
  /// The loss of an evaluation is no number.
  case evaluationNotFinite
  /// The output directory already holds a run.
  case outputExists(String)
  /// The output directory holds something that is no run.
  case outputNotEmpty(String, holding: String)
  /// Nothing to resume from.
  case noSnapshot(String)
  /// A run cannot go on as another one: what differs.
  case differs(snapshot: String, [Difference])
  /// A snapshot that cannot be read.
  case snapshot(path: String, problem: String)
  /// A saved state of an optimizer that does not fit.
  case optimizerState(String)
  /// Nothing that the planner may choose fits: bytes needed at least, the budget, and what would fit.
  case doesNotFit(needed: Int, budget: Int, reliefs: [MemoryRelief])
  /// Memory was refused in a step (0: before the first), because of the budget or by the system. Nothing is changed by that
  /// step; `lastSnapshot` holds the state before it.
  case memoryRefused(MemoryRefusal, step: Int, lastSnapshot: String?)
  /// The file for activations cannot be made, written or read.
  case activations(ActivationFileError)
  /// Nothing can be remembered of a model whose first block is trained.
  case nothingToCache
  /// Rows of the lower blocks cannot be kept on the disk.
  case activationCache(FileError)
  /// A file that cannot be written.
  case cannotWrite(path: String, reason: String)

  /// One thing in which two runs differ.
  public struct Difference: Hashable, Sendable {
    /// Name of the thing, its value in the snapshot, and its value now.
    public let name, saved, now: String

    /// A difference of a thing.
    public init(name: String, saved: String, now: String) {
      self.name = name
      self.saved = saved
      self.now = now
    }
  }

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .option(let name, let problem): return "\(name): \(problem)"
    case .noRows: return "there are no rows to train on"
    case .noTrainedTokens(let row): return "\(row): no token of this row is trained"
    case .noAnswer(let row): return "\(row): there is no prompt with an answer to compare"
    case .rowChanged(let row, let reason): return "\(row): the row is no longer what it was: \(reason)"
    case .tokenOutside(let row, let token, let vocabulary):
      return "\(row): token \(token) is outside the model's vocabulary of \(vocabulary)"
    case .noParameters: return "there are no parameters to train"
    case .evaluationNotFinite: return "the loss is not a finite number"
    case .notFinite(let what, let step, _): return "the \(what) of step \(step) is not a finite number"
    case .outputExists(let path): return "\(path) already holds a training run"
    case .outputNotEmpty(let path, let name): return "\(path) is not empty: there is \(name)"
    case .noSnapshot(let path): return "\(path) holds no snapshot to resume from"
    case .differs(let snapshot, let differences):
      let list = differences.map { "\($0.name) was \($0.saved), is \($0.now)" }.joined(separator: "; ")
      return "\(snapshot) belongs to another run: \(list)"
    case .snapshot(let path, let problem): return "\(path): \(problem)"
    case .optimizerState(let problem): return "the saved state of the optimizer does not fit: \(problem)"
    case .doesNotFit(let needed, let budget, _):
      return "the run needs \(ByteWords.exact(needed)) of memory at least, the budget is \(ByteWords.exact(budget))"
    case .memoryRefused(.system(let asked), 0, _):
      return "the system has no memory for the \(ByteWords.exact(asked)) that are asked for before the first step"
    case .memoryRefused(.limit(let asked, let held, let limit), let step, _):
      return
        "step \(step) asks for \(ByteWords.exact(asked)) above the \(ByteWords.exact(held)) that its tensors have; the budget allows "
        + ByteWords.exact(limit)
    case .memoryRefused(.system(let asked), let step, _):
      return "the system has no memory for the \(ByteWords.exact(asked)) that step \(step) asks for"
    case .activations(let error): return "\(error)"
    case .nothingToCache: return "there is nothing to remember: the first block of the model is trained"
    case .activationCache(let error): return "the cache of activations: \(error)"
    case .cannotWrite(let path, let reason): return "cannot write \(path): \(reason)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .option: return "choose another value"
    case .noRows: return "check that the data file has one JSON object on every line"
    case .noTrainedTokens:
      return "give the row an answer, raise the maximum length so that the answer is not cut off, or remove the row"
    case .noAnswer: return "give every row a prompt and a completion, or messages that end with the assistant's"
    case .rowChanged: return "leave data files as they are while a run reads them; start again, or resume"
    case .tokenOutside: return "use the tokenizer that belongs to this model"
    case .noParameters: return "attach an adapter before training"
    case .evaluationNotFinite:
      return "check the weights of the model and of the adapter: some are not numbers, or far too large"
    case .notFinite(_, _, let snapshot?): return "lower the learning rate; the state before this step is in \(snapshot)"
    case .notFinite(_, _, nil): return "lower the learning rate, and check the data and the model"
    case .outputExists: return "resume the run, or choose another output directory"
    case .outputNotEmpty: return "choose a new directory"
    case .noSnapshot: return "start the run without resuming, or name the directory of the run that was interrupted"
    case .differs: return "repeat the settings, data and model of the first run, or start a new run elsewhere"
    case .snapshot, .optimizerState: return "remove that snapshot and resume from an earlier one"
    case .doesNotFit(_, _, let reliefs):
      return "what would fit: " + reliefs.map { "\($0)" }.joined(separator: "; or ")
    case .memoryRefused(_, _, let snapshot):
      return "allow more memory, or take shorter rows"
        + (snapshot.map { "; the state before this step is in \($0)" } ?? "")
    case .activations(let error): return error.remedy
    case .nothingToCache: return "put adapters on the last blocks only (--layers N), or keep no cache"
    case .activationCache(.notEnoughSpace), .activationCache(.diskFull):
      return "free some space, or keep half as much as bf16 (--cache-dtype bf16); what is there is used again"
    case .activationCache(let error): return error.remedy
    case .cannotWrite: return "free space on the disk or choose a directory that you may write to"
    }
  }
}

extension TrainingError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
