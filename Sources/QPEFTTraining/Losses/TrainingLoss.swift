public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTModels

/// What a loss needs besides the model and the batch.
public struct LossContext {
  /// The tape to build on. It does not record in evaluation.
  public let tape: Tape
  /// Trained tokens of the whole optimizer step (in evaluation: 1). A loss that is a sum over tokens divides by it, so that
  /// accumulated batches weigh as one large batch.
  public let normalizer: Double
  /// What blocks keep for backward instead of computing it again.
  public let recompute: RecomputePlan

  /// A context of a tape, a normalizer, and what blocks keep.
  public init(tape: Tape, normalizer: Double, recompute: RecomputePlan = RecomputePlan(.keepAll)) {
    self.tape = tape
    self.normalizer = normalizer
    self.recompute = recompute
  }
}

/// What training makes small. Conform a type of your own to it, also outside the package.
public protocol TrainingLoss {
  /// A scalar on the context's tape: the batch's share in the loss of the optimizer step.
  ///
  /// A dry run calls this on tensors without numbers to count memory, so read no numbers here; use the tape's operations.
  func callAsFunction(_ model: any LanguageModel, _ batch: TokenBatch, _ context: LossContext) -> Variable
}

/// Cross-entropy of the next token, averaged over all trained tokens of an optimizer step.
public struct CrossEntropyLoss: TrainingLoss {
  /// The loss of causal language models.
  public init() {}

  /// Sum over the batch's labelled rows, divided by the step's trained tokens.
  public func callAsFunction(_ model: any LanguageModel, _ batch: TokenBatch, _ context: LossContext) -> Variable {
    model.hidden(batch, on: context.tape, recompute: context.recompute, cache: nil)
      .headCrossEntropy(model.head, labels: batch.labels, normalizer: context.normalizer)
  }
}
