internal import QPEFTLayers
internal import QPEFTTensor

/// Writes tokens one after the other, with a key/value cache. Each `next()` is one pass of the model.
///
/// Ends at a stop token (which it does not yield) or after `maximumTokens`.
public struct TokenGenerator: Sequence, IteratorProtocol {
  private let model: any LanguageModel
  private let sampler: Sampler
  private let cache: KeyValueCache
  private var pending: [Int32]
  private var produced = 0

  /// A generator that continues `prompt`, which is not empty.
  public init(_ model: any LanguageModel, prompt: [Int32], options: GenerationOptions = GenerationOptions()) {
    precondition(!prompt.isEmpty, "a prompt has at least one token")
    self.model = model
    sampler = Sampler(options: options)
    cache = model.makeCache(capacity: prompt.count + options.maximumTokens, type: options.cacheType)
    pending = prompt
  }

  /// The next token, or nil at the end.
  public mutating func next() -> Int32? {
    guard produced < sampler.options.maximumTokens, !pending.isEmpty else { return nil }
    let batch = TokenBatch(ids: pending, firstPosition: cache.count)
    let logits = ProductArithmetic.$current.withValue(sampler.options.arithmetic) {
      model.logits(batch, cache: cache, lastRowOnly: true)
    }
    let token = logits.withElements { sampler.token($0, index: produced) }
    guard !sampler.options.stopTokens.contains(token) else {
      pending = []
      return nil
    }
    produced += 1
    pending = [token]
    return token
  }
}
