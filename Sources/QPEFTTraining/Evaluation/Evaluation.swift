internal import Foundation
internal import QPEFTAutodiff
internal import QPEFTLayers
public import QPEFTModels
internal import QPEFTTensor

/// How well a model predicts.
public struct EvaluationResult: Hashable, Sendable, Codable {
  /// Mean cross-entropy of a predicted token, in nats.
  public let loss: Double
  /// `exp(loss)`.
  public let perplexity: Double
  /// Rows (or windows), their tokens, and the predicted ones among these.
  public let rows, tokens, predictedTokens: Int

  private enum CodingKeys: String, CodingKey {
    case loss, perplexity, rows, tokens
    case predictedTokens = "predicted_tokens"
  }
}

/// Loss and perplexity of a model on rows, with its adapters and without dropout.
public enum Evaluation {
  /// Goes through `rows`, `batchSize` at a time. `progress` hears how many are done, and what it throws ends the evaluation.
  /// - Throws: `TrainingError.noRows` and `.memoryRefused`, what `RowSource.check(vocabulary:)` throws for tokens that the model
  ///   lacks, and `CancellationError` if the task is cancelled.
  public static func run(
    _ model: any LanguageModel, _ rows: any RowSource, batchSize: Int = 1,
    loss: any TrainingLoss = CrossEntropyLoss(), progress: (Int) throws -> Void = { _ in }
  ) throws -> EvaluationResult {
    try rows.check(vocabulary: model.shape.vocabularySize)
    guard MemoryLedger.current == nil else { return try evaluate(model, rows, batchSize, loss, progress) }
    // Nobody accounts for memory yet: what the system does not have is refused here, instead of ending the process.
    let ledger = MemoryLedger()
    let result = try MemoryLedger.$current.withValue(ledger) {
      try evaluate(model, rows, batchSize, loss, progress)
    }
    if let refusal = ledger.refusal { throw TrainingError.memoryRefused(refusal, step: 0, lastSnapshot: nil) }
    return result
  }

  private static func evaluate(
    _ model: any LanguageModel, _ rows: any RowSource, _ batchSize: Int, _ loss: any TrainingLoss,
    _ progress: (Int) throws -> Void
  ) throws -> EvaluationResult {
    var (total, tokens, predicted) = (0.0, 0, 0)
    for start in stride(from: 0, to: rows.count, by: max(1, batchSize)) {
      try Task.checkCancellation()
      let batch = TokenBatch(try rows.rows(start..<min(start + max(1, batchSize), rows.count)))
      if batch.trainedCount > 0 {
        let context = LossContext(tape: Tape(isRecording: false), normalizer: 1)
        let value = loss(model, batch, context).value
        // A phantom: memory was refused, as whoever drives the evaluation finds in the ledger.
        total += value.isPhantom ? .nan : Double(value.scalar)
      }
      tokens += batch.count
      predicted += batch.trainedCount
      try progress(min(start + max(1, batchSize), rows.count))
    }
    guard predicted > 0 else { throw TrainingError.noRows }
    let mean = total / Double(predicted)
    return EvaluationResult(
      loss: mean, perplexity: exp(mean), rows: rows.count, tokens: tokens, predictedTokens: predicted)
  }

  /// A text's tokens in windows without overlap; the first token of each is not predicted.
  public static func windows(_ ids: [Int32], length: Int) -> [TrainingRow] {
    stride(from: 0, to: ids.count, by: length).map { start in
      let window = Array(ids[start..<min(start + length, ids.count)])
      return TrainingRow(ids: window, isTrained: Array(repeating: true, count: window.count))
    }
  }
}
