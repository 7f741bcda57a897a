/// What happens in a run, in order.
public enum TrainingEvent: Sendable {
  /// Everything is checked and planned; the first step follows.
  case started(TrainingSummary)
  /// One optimizer step is done.
  case step(StepMetrics)
  /// The evaluation data were gone through.
  case evaluation(step: Int, EvaluationResult)
  /// A snapshot lies at `path`.
  case snapshot(step: Int, path: String)
  /// All steps are done; the adapter is written, if the run has an output directory.
  case finished(step: Int, adapter: String?)
}

/// A run before its first step.
public struct TrainingSummary: Hashable, Sendable, Codable {
  /// First step to come counted from 1, and the last one.
  public let firstStep, lastStep: Int
  /// Steps of one pass over the data.
  public let stepsPerEpoch: Int
  /// Rows, their tokens, and the trained ones among these.
  public let rows, tokens, trainedTokens: Int
  /// Numbers that are trained.
  public let parameters: Int
  /// Memory at most, from a dry run of the longest batch.
  public let plan: MemoryPlan
}

/// What one optimizer step was like.
public struct StepMetrics: Hashable, Sendable, Codable {
  /// Number of the step, counted from 1.
  public let step: Int
  /// Mean over all trained tokens of the step, before its update.
  public let loss: Double
  /// Learning rate of this update.
  public let learningRate: Double
  /// Norm of all gradients before clipping.
  public let gradientNorm: Double
  /// Tokens computed, and those of them that had to be predicted.
  public let tokens, trainedTokens: Int
  /// `tokens` by `seconds`.
  public let tokensPerSecond: Double
  /// Most resident memory of the process so far, as the system counts it.
  public let peakBytes: Int
  /// Duration of the step.
  public let seconds: Double

  private enum CodingKeys: String, CodingKey {
    case step, loss, tokens, seconds
    case learningRate = "learning_rate"
    case gradientNorm = "grad_norm"
    case trainedTokens = "trained_tokens"
    case tokensPerSecond = "tokens_per_second"
    case peakBytes = "peak_bytes"
  }
}
