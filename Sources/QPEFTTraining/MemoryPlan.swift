internal import QPEFTTensor

/// Memory of a run, known before it starts: the run's own code on tensors without numbers.
public struct MemoryPlan: Hashable, Sendable, Codable {
  /// Most bytes of each room; rooms peak at different moments.
  public let adapters, optimizer, gradients, activations, workspace: Int
  /// Most bytes of all rooms at one moment.
  public let peak: Int
  /// Frozen weights, mapped from disk: resident while there is room, dropped by the system when there is not.
  public let weights: Int
  /// Tokens and trained tokens of the batch that needs most.
  public let tokens, trainedTokens: Int

  init(_ ledger: MemoryLedger, weights: Int, tokens: Int, trainedTokens: Int) {
    adapters = ledger[.adapters].peak
    optimizer = ledger[.optimizer].peak
    gradients = ledger[.gradients].peak
    activations = ledger[.activations].peak
    workspace = ledger[.workspace].peak
    peak = ledger.total.peak
    self.weights = weights
    self.tokens = tokens
    self.trainedTokens = trainedTokens
  }

  /// Everything together, weights included.
  public var total: Int { peak + weights }
}
