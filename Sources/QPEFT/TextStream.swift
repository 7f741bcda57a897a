internal import QPEFTModels
internal import QPEFTText
internal import QPEFTTraining

/// Text that a model writes, piece by piece: each `next()` computes until a piece is certain.
public struct TextStream: Sequence, IteratorProtocol {
  private var tokens: TokenGenerator
  private var decoder: IncrementalDecoder
  private var isDone = false

  init(_ tuned: AdaptedModel, prompt: [Int32], _ options: GenerationOptions) throws {
    guard !prompt.isEmpty else { throw GenerationError.emptyPrompt }
    let limit = tuned.model.shape.maximumPositions
    guard prompt.count < limit else {
      throw GenerationError.promptTooLong(tokens: prompt.count, context: limit)
    }
    var options = options
    options.stopTokens.formUnion(tuned.stopTokens)
    options.maximumTokens = Swift.min(options.maximumTokens, limit - prompt.count)
    tokens = TokenGenerator(tuned.model, prompt: prompt, options: options)
    decoder = IncrementalDecoder(tuned.base.text.tokenizer)
  }

  /// The next piece of text, never empty; nil at the end.
  public mutating func next() -> String? {
    while !isDone {
      guard let token = tokens.next() else {
        isDone = true
        let rest = decoder.finish()
        return rest.isEmpty ? nil : rest
      }
      let piece = decoder.append(token)
      if !piece.isEmpty { return piece }
    }
    return nil
  }
}
