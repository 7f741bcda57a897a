internal import QPEFTTensor

/// Memory of a run, known before it starts: the run's own code on tensors without numbers, and what is outside of tensors.
public struct MemoryPlan: Hashable, Sendable, Codable {
  /// How steps are laid out.
  public let layout: StepLayout
  /// Most bytes of each room of tensors; rooms peak at different moments.
  public let adapters, optimizer, gradients, activations, recomputation, workspace: Int
  /// Most bytes of all rooms of tensors at one moment.
  public let peak: Int
  /// Most bytes of tensors and of freed blocks kept for the next ones, in whole pages.
  public let tensors: Int
  /// Frozen weights on disk, and how many bytes of them are resident at most.
  public let weights, residentWeights: Int
  /// Tokens and marks of the rows that are held.
  public let data: Int
  /// The process itself: code, libraries, tokenizer, threads.
  public let process: Int
  /// Most resident bytes of the process: all of the above together.
  public let resident: Int
  /// Bytes of the file for activations.
  public let activationFile: Int
  /// Bytes of the rows that a `CachedModel` keeps on the disk.
  public internal(set) var activationCache = 0
  /// Tokens and trained tokens of the batch that needs most.
  public let tokens, trainedTokens: Int
  /// What `resident` may be at most; nil where the machine does not say what it has.
  public internal(set) var budget: Int?

  /// What is the same for every batch and layout.
  package struct Surroundings {
    package var weights = 0, residentWeights = 0, data = 0, process = 0
    package init() {}
  }

  init(
    _ ledger: MemoryLedger, _ surroundings: Surroundings, layout: StepLayout, activationFile: Int, tokens: Int,
    trainedTokens: Int
  ) {
    self.layout = layout
    adapters = ledger[.adapters].peak
    optimizer = ledger[.optimizer].peak
    gradients = ledger[.gradients].peak
    activations = ledger[.activations].peak
    recomputation = ledger[.recomputation].peak
    workspace = ledger[.workspace].peak
    peak = ledger.total.peak
    tensors = ledger.resident.peak
    weights = surroundings.weights
    residentWeights = surroundings.residentWeights
    data = surroundings.data
    process = surroundings.process
    resident = tensors + residentWeights + data + process
    self.activationFile = activationFile
    self.tokens = tokens
    self.trainedTokens = trainedTokens
  }
}
