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
  /// How the keys and values of earlier tokens are kept. In float16 they take half the memory, and a long text is faster; it may, rarely, choose
  /// another token.
  public var cacheType = CacheType.f16
  /// Tokens that end the text; they are not part of it.
  public var stopTokens: Set<Int32> = []

  /// The defaults: greedy, 256 tokens.
  public init() {}
}

/// Chooses tokens from logits.
///
/// - Source: temperature, top-k and top-p in the order of transformers' logits processors.
package struct Sampler {
  let options: GenerationOptions

  /// A sampler of these options.
  package init(options: GenerationOptions) { self.options = options }

  /// A token by its logits; `index` counts the tokens of a text, so that each draws its own number.
  package func token(_ logits: UnsafeBufferPointer<Float>, index: Int) -> Int32 {
    let best = likeliest(logits)
    guard options.temperature > 0 else { return Int32(best) }
    let tokens = options.topK > 0 ? largest(logits) : Array(logits.indices)
    var candidates = tokens.map { token in
      (token: token, weight: exp(Double((logits[token] - logits[best]) / options.temperature)))
    }
    if options.topP < 1 { keepNucleus(&candidates) }
    var remaining = Double(uniform(index)) * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      remaining -= candidate.weight
      if remaining < 0 { return Int32(candidate.token) }
    }
    return Int32(best)
  }

  private func likeliest(_ logits: UnsafeBufferPointer<Float>) -> Int {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return best
  }

  /// The `topK` tokens of the largest logits. Sorting a vocabulary takes longer than a small model takes to make its logits, so
  /// only those are sorted that are larger than as many others before them.
  private func largest(_ logits: UnsafeBufferPointer<Float>) -> [Int] {
    let count = min(options.topK, logits.count)
    var kept: [Int] = []
    var least = -Float.infinity
    for index in logits.indices where logits[index] > least {
      kept.append(index)
      if kept.count == 2 * count {
        kept.sort { logits[$0] > logits[$1] }
        kept.removeLast(count)
        least = logits[kept[count - 1]]
      }
    }
    kept.sort { logits[$0] > logits[$1] }
    return Array(kept.prefix(count))
  }

  /// Keeps the likeliest tokens whose probabilities first reach `topP` together.
  private func keepNucleus(_ candidates: inout [(token: Int, weight: Double)]) {
    let total = candidates.reduce(0) { $0 + $1.weight }
    // All that lie below this bound have less than the rest together, so none of them is needed: few are left to be sorted.
    let bound = Double(1 - options.topP) * total / Double(candidates.count)
    candidates.removeAll { $0.weight < bound }
    candidates.sort { ($0.weight, $1.token) > ($1.weight, $0.token) }
    var sum = 0.0
    let last = candidates.firstIndex { candidate in
      sum += candidate.weight
      return sum >= Double(options.topP) * total
    }
    if let last { candidates.removeLast(candidates.count - last - 1) }
  }

  private func uniform(_ index: Int) -> Float {
    Tensor.uniform([1], key: RandomKey(seed: options.seed, step: UInt32(truncatingIfNeeded: index))).scalar
  }
}
