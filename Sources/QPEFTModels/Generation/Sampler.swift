internal import Foundation
internal import QPEFTKernels
public import QPEFTTensor

/// How the next token is chosen.
public struct GenerationOptions: Hashable, Sendable, Codable {
  /// At most this many new tokens.
  public var maximumTokens = 256
  /// 0: the likeliest token always. Else logits are divided by it before sampling.
  public var temperature: Float = 0
  /// Only the `topK` likeliest tokens; 0: all.
  public var topK = 0
  /// Only the likeliest tokens whose probabilities first reach `topP` together; 1: all.
  public var topP: Float = 1
  /// The same seed gives the same text.
  public var seed: UInt64 = 0
  /// How products of a single token are computed. Fixed point is faster and may, rarely, choose another token.
  public var arithmetic = ProductArithmetic.fixedPoint
  /// Tokens that end the text; they are not part of it.
  public var stopTokens: Set<Int32> = []

  /// The defaults: greedy, 256 tokens.
  public init() {}
}

/// Chooses tokens from logits.
///
/// - Source: temperature, top-k and top-p in the order of transformers' logits processors.
struct Sampler {
  let options: GenerationOptions

  /// A token by its logits; `index` counts the tokens of a text, so that each draws its own number.
  func token(_ logits: UnsafeBufferPointer<Float>, index: Int) -> Int32 {
    guard options.temperature > 0 else { return likeliest(logits) }
    var candidates = logits.indices.map { (token: Int32($0), logit: logits[$0] / options.temperature) }
    candidates.sort { $0.logit > $1.logit }
    if options.topK > 0 { candidates.removeLast(max(0, candidates.count - options.topK)) }
    guard let top = candidates.first?.logit else { return 0 }
    var weights = candidates.map { exp(Double($0.logit - top)) }
    var total = weights.reduce(0, +)
    if options.topP < 1 {
      var sum = 0.0
      let kept = weights.firstIndex { weight in
        sum += weight
        return sum >= Double(options.topP) * total
      }
      if let kept { weights.removeLast(weights.count - kept - 1) }
      total = weights.reduce(0, +)
    }
    var remaining = Double(uniform(index)) * total
    for (candidate, weight) in zip(candidates, weights) {
      remaining -= weight
      if remaining < 0 { return candidate.token }
    }
    return candidates[weights.count - 1].token
  }

  private func likeliest(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return Int32(best)
  }

  private func uniform(_ index: Int) -> Float {
    Tensor.uniform([1], key: RandomKey(seed: options.seed, step: UInt32(truncatingIfNeeded: index))).scalar
  }
}
