internal import Foundation
internal import QPEFTAutodiff
internal import QPEFTLayers
public import QPEFTModels
internal import QPEFTTensor

/// How differently two models predict the same tokens.
public struct ModelComparison: Hashable, Sendable, Codable {
  /// Mean over all tokens of Σ p · log(p / q), in nats: p by the first model, q by the second.
  public let divergence: Double
  /// Largest divergence at one token.
  public let largestDivergence: Double
  /// Part of the tokens at which both find the same next token likeliest.
  public let agreement: Double
  /// Perplexity of the rows under the first and under the second model.
  public let perplexity, otherPerplexity: Double
  /// Tokens at which both were asked, and those among them whose next token is known.
  public let tokens, predictedTokens: Int

  private enum CodingKeys: String, CodingKey {
    case divergence = "kl_divergence"
    case largestDivergence = "largest_kl_divergence"
    case agreement = "top1_agreement"
    case perplexity
    case otherPerplexity = "other_perplexity"
    case tokens
    case predictedTokens = "predicted_tokens"
  }

  /// Bytes of one model's logits that are held at one time.
  private static let chunkByteCount = 16 << 20

  /// Lets both models read `rows`, one after the other. `progress` hears how many rows are done.
  /// - Precondition: both have the same vocabulary.
  /// - Throws: `TrainingError.noRows`, and `CancellationError` if the task is cancelled.
  public static func run(
    _ model: any LanguageModel, _ other: any LanguageModel, _ rows: [TrainingRow], progress: (Int) -> Void = { _ in }
  ) throws -> ModelComparison {
    precondition(model.head.rows == other.head.rows, "two models of different vocabularies cannot be compared")
    var sums = Sums()
    for (index, row) in rows.enumerated() {
      try Task.checkCancellation()
      let batch = TokenBatch(CollectionOfOne(row))
      let hidden = [model, other].map {
        $0.hidden(batch, on: Tape(isRecording: false), recompute: RecomputePlan(.keepAll), cache: nil).value
      }
      let chunk = max(1, chunkByteCount / (model.head.rows * MemoryLayout<Float>.stride))
      for start in stride(from: 0, to: batch.count, by: chunk) {
        let range = start..<min(start + chunk, batch.count)
        let logits = [model.head.multiply(hidden[0].rows(range)), other.head.multiply(hidden[1].rows(range))]
        sums.add(logits[0], logits[1], labels: batch.labels[range])
      }
      progress(index + 1)
    }
    guard sums.tokens > 0, sums.predicted > 0 else { throw TrainingError.noRows }
    return ModelComparison(
      divergence: sums.divergence / Double(sums.tokens), largestDivergence: sums.largest,
      agreement: Double(sums.agreements) / Double(sums.tokens), perplexity: exp(sums.loss / Double(sums.predicted)),
      otherPerplexity: exp(sums.otherLoss / Double(sums.predicted)), tokens: sums.tokens,
      predictedTokens: sums.predicted)
  }

  private struct Sums {
    var divergence = 0.0, largest = 0.0, loss = 0.0, otherLoss = 0.0
    var agreements = 0, tokens = 0, predicted = 0

    mutating func add(_ a: Tensor, _ b: Tensor, labels: ArraySlice<Int32>) {
      let width = a.shape.columns
      a.withElements { a in
        b.withElements { b in
          for (row, label) in labels.enumerated() {
            let range = (row * width)..<((row + 1) * width)
            add(UnsafeBufferPointer(rebasing: a[range]), UnsafeBufferPointer(rebasing: b[range]), label: label)
          }
        }
      }
    }

    private mutating func add(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, label: Int32) {
      let (p, q) = (Distribution(a), Distribution(b))
      var sum = 0.0
      for index in a.indices {
        let logP = Double(a[index]) - p.logSum
        sum += exp(logP) * (logP - Double(b[index]) + q.logSum)
      }
      // Rounding may leave a little below zero.
      divergence += max(0, sum)
      largest = max(largest, sum)
      agreements += p.likeliest == q.likeliest ? 1 : 0
      tokens += 1
      guard label >= 0 else { return }
      loss += p.logSum - Double(a[Int(label)])
      otherLoss += q.logSum - Double(b[Int(label)])
      predicted += 1
    }
  }

  private struct Distribution {
    var likeliest = 0
    var logSum: Double

    init(_ logits: UnsafeBufferPointer<Float>) {
      for index in logits.indices where logits[index] > logits[likeliest] { likeliest = index }
      let top = Double(logits[likeliest])
      logSum = top + log(logits.reduce(into: 0.0) { $0 += exp(Double($1) - top) })
    }
  }
}
