internal import QPEFTAutodiff
internal import QPEFTLayers
public import QPEFTModels
internal import QPEFTTensor

/// How many answers a model gives exactly as expected, choosing the likeliest token always.
public struct ExactMatchResult: Hashable, Sendable, Codable {
  /// Rows, and those answered exactly.
  public let rows, matches: Int
  /// `matches` by `rows`.
  public var fraction: Double { rows > 0 ? Double(matches) / Double(rows) : 0 }
}

/// A question with the answer that counts, in tokens.
public struct ExpectedAnswer: Hashable, Sendable {
  /// What the model continues.
  public let prompt: [Int32]
  /// The answer, with the end token that follows it if there is one.
  public let answer: [Int32]

  /// A question with its answer, neither empty.
  public init(prompt: [Int32], answer: [Int32]) {
    self.prompt = prompt
    self.answer = answer
  }

  /// The last trained part of a row is the answer, what stands before it is the prompt; nil where one of them is empty.
  ///
  /// An answer ends with its first token out of `stopTokens`.
  public init?(_ row: TrainingRow, stopTokens: Set<Int32>) {
    guard let last = row.isTrained.lastIndex(of: true) else { return nil }
    let first = row.isTrained[...last].lastIndex(of: false).map { $0 + 1 } ?? 0
    guard first > 0 else { return nil }
    prompt = Array(row.ids[..<first])
    let span = row.ids[first...last]
    let end = span.firstIndex(where: stopTokens.contains)
    answer = Array(end.map { span[...$0] } ?? span)
  }
}

/// Exact-match accuracy by greedy generation.
public enum ExactMatch {
  /// Asks every question. `text` is a tokenizer's decoding, by which answers are compared.
  ///
  /// Greedy generation yields the expected tokens exactly if every one of them is the likeliest after those before it, which
  /// one pass over prompt and answer tells. Only where it is not, and the likelier token could spell the same text, tokens
  /// are generated one by one.
  public static func run(
    _ model: any LanguageModel, _ questions: [ExpectedAnswer], stopTokens: Set<Int32>, text: ([Int32]) -> String,
    progress: (_ done: Int, _ matches: Int) -> Void = { _, _ in }
  ) throws -> ExactMatchResult {
    var matches = 0
    var done = 0
    while done < questions.count {
      try Task.checkCancellation()
      let group = Self.group(questions[done...])
      for (question, predicted) in zip(group, predictions(model, group)) {
        if matchesExactly(model, question, predicted, stopTokens: stopTokens, text: text) { matches += 1 }
        done += 1
      }
      progress(done, matches)
    }
    return ExactMatchResult(rows: questions.count, matches: matches)
  }

  /// Tokens that one pass takes, unless a single question has more.
  private static let tokensOfPass = 512

  /// The first questions that one pass takes.
  private static func group(_ questions: ArraySlice<ExpectedAnswer>) -> ArraySlice<ExpectedAnswer> {
    var tokens = 0
    let end = questions.firstIndex { question in
      tokens += question.prompt.count + question.answer.count
      return tokens > tokensOfPass
    }
    return questions[..<max(questions.startIndex + 1, end ?? questions.endIndex)]
  }

  private static func matchesExactly(
    _ model: any LanguageModel, _ question: ExpectedAnswer, _ predicted: ArraySlice<Int32>, stopTokens: Set<Int32>,
    text: ([Int32]) -> String
  ) -> Bool {
    let predicted = Array(predicted)
    guard let difference = zip(question.answer, predicted).enumerated().first(where: { $1.0 != $1.1 })?.offset else {
      return true
    }
    let expected = text(question.answer.filter { !stopTokens.contains($0) })
    let begun = Array(question.answer[..<difference]) + [predicted[difference]]
    if stopTokens.contains(predicted[difference]) { return text(Array(begun.dropLast())) == expected }
    guard couldBecome(expected, text(begun)) else { return false }
    var options = GenerationOptions()
    options.maximumTokens = question.answer.count + 8
    options.stopTokens = stopTokens
    options.arithmetic = .float32  // as the predictions were made
    var generated: [Int32] = []
    for token in TokenGenerator(model, prompt: question.prompt, options: options) {
      generated.append(token)
      guard couldBecome(expected, text(generated)) else { return false }
    }
    return text(generated) == expected
  }

  /// Whether `text` may go on to be `expected`; bytes of an unfinished character decode to U+FFFD and may yet fit.
  private static func couldBecome(_ expected: String, _ text: String) -> Bool {
    var scalars = Substring(text).unicodeScalars
    while scalars.last == "\u{FFFD}" { scalars.removeLast() }
    return expected.unicodeScalars.starts(with: scalars)
  }

  /// For each question the likeliest token at every place of its answer, given all before it.
  private static func predictions(
    _ model: any LanguageModel, _ questions: ArraySlice<ExpectedAnswer>
  ) -> [ArraySlice<Int32>] {
    var batch = TokenBatch()
    var places: [Range<Int>] = []
    for question in questions {
      let ids = question.prompt + question.answer.dropLast()
      let start = batch.count + question.prompt.count - 1
      places.append(start..<(start + question.answer.count))
      batch.append(ids: ids, isTrained: Array(repeating: false, count: ids.count))
    }
    let hidden = model.hidden(batch, on: Tape(isRecording: false), recompute: RecomputePlan(.keepAll), cache: nil).value
    return places.map { rows in
      let logits = model.head.multiply(hidden.rows(rows))
      let width = model.head.rows
      return logits.withElements { logits in
        (0..<rows.count).map { row in
          var best = row * width
          for index in (row * width)..<((row + 1) * width) where logits[index] > logits[best] { best = index }
          return Int32(best - row * width)
        }[...]
      }
    }
  }
}
