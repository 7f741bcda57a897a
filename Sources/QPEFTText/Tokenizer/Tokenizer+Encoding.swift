/// Token ids and the part of the text that each stands for.
public struct TokenizedText: Sendable, Equatable {
  /// Token ids.
  public var ids: [Int32] = []
  /// For each token the UTF-8 offsets it stands for in the text as given; empty at the start or end of the text for
  /// tokens that the post-processor puts there.
  public var ranges: [Range<Int>] = []
}

extension Tokenizer {
  /// Working memory of an encoder, worth keeping from text to text.
  public struct Workspace: Sendable {
    fileprivate var matchers: [PatternMatcher]
    fileprivate var model = TokenModel.Workspace()
    fileprivate var run = TokenRun()

    /// Memory for one tokenizer.
    public init(_ tokenizer: Tokenizer) { matchers = tokenizer.patterns.map(PatternMatcher.init) }
  }

  /// The token ids of a text.
  ///
  /// - Parameter addSpecialTokens: whether the post-processor adds its tokens (BOS, say) around the text.
  public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
    var workspace = Workspace(self)
    return encode(text, addSpecialTokens: addSpecialTokens, &workspace)
  }

  /// The token ids of a text, with what each stands for.
  public func encodeWithOffsets(_ text: String, addSpecialTokens: Bool = true) -> TokenizedText {
    var workspace = Workspace(self)
    return encodeWithOffsets(text, addSpecialTokens: addSpecialTokens, &workspace)
  }

  package func encode(_ text: String, addSpecialTokens: Bool = true, _ workspace: inout Workspace) -> [Int32] {
    var ids = addSpecialTokens ? prefix : []
    encode(text, &workspace, { id, _ in ids.append(id) }, { run, _ in ids.append(contentsOf: run.ids) })
    if addSpecialTokens { ids += suffix }
    return ids
  }

  package func encodeWithOffsets(
    _ text: String, addSpecialTokens: Bool = true, _ workspace: inout Workspace
  ) -> TokenizedText {
    var result = TokenizedText()
    func add(_ ids: [Int32], at place: Int) {
      for id in ids {
        result.ids.append(id)
        result.ranges.append(place..<place)
      }
    }
    if addSpecialTokens { add(prefix, at: 0) }
    encode(
      text, &workspace,
      { id, range in
        result.ids.append(id)
        result.ranges.append(range)
      },
      { run, words in
        for (index, range) in words.ranges.enumerated() {
          var position = range.lowerBound
          for token in run.tokens(ofWord: index) {
            let start = words.text.origin(of: position)
            position = min(position + Int(run.lengths[token]), range.upperBound)
            result.ids.append(run.ids[token])
            result.ranges.append(start..<max(start, words.text.origin(of: position)))
          }
        }
      })
    if addSpecialTokens { add(suffix, at: text.utf8.count) }
    return result
  }

  /// Cuts the text at added tokens, then into words, then into tokens.
  private func encode(
    _ text: String, _ workspace: inout Workspace,
    _ added: (Int32, Range<Int>) -> Void, _ model: (TokenRun, PreTokenizer.Words) -> Void
  ) {
    var text = text
    text.withUTF8 { whole in
      forEachPiece(of: whole, givenTextTokens) { range, token in
        if let token {
          added(token.id, range)
          return
        }
        let given = MappedText(bytes: Array(whole[range]), base: range.lowerBound)
        let normalized = normalizer(given)
        if normalizedTextTokens.isEmpty {
          encodeWords(normalized, 0..<normalized.bytes.count, &workspace, model)
          return
        }
        normalized.bytes.withUnsafeBufferPointer { bytes in
          normalizedTextTokens.forEachPiece(of: bytes) { range, token in
            if let token {
              added(token.id, normalized.origin(of: range.lowerBound)..<normalized.origin(of: range.upperBound))
            } else {
              encodeWords(normalized, range, &workspace, model)
            }
          }
        }
      }
    }
  }

  private func forEachPiece(
    of text: UnsafeBufferPointer<UInt8>, _ finder: AddedTokenFinder, _ piece: (Range<Int>, AddedToken?) -> Void
  ) {
    if finder.isEmpty {
      if !text.isEmpty { piece(0..<text.count, nil) }
    } else {
      finder.forEachPiece(of: text, piece)
    }
  }

  private func encodeWords(
    _ text: MappedText, _ range: Range<Int>, _ workspace: inout Workspace,
    _ model: (TokenRun, PreTokenizer.Words) -> Void
  ) {
    if range.isEmpty { return }
    var words = PreTokenizer.Words(text: text, ranges: [range])
    for step in preTokenizers { step.apply(to: &words, matchers: &workspace.matchers) }
    workspace.run.removeAll()
    words.text.bytes.withUnsafeBufferPointer { bytes in
      for range in words.ranges {
        workspace.model.append(UnsafeBufferPointer(rebasing: bytes[range]), by: self.model, to: &workspace.run)
        workspace.run.endWord()
      }
    }
    model(workspace.run, words)
  }
}
