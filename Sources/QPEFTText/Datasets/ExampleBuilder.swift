internal import QPEFTJSON
/// Turns the rows of one file into examples.
struct ExampleBuilder: Sendable {
  let chat: ChatTokenizer
  let options: DatasetOptions
  let file: String
  private let signs: TextSigns
  private var workspace: Tokenizer.Workspace
  /// What is remarkable in the text of the row built last.
  private(set) var remarks = TextSigns.Remarks()

  init(_ chat: ChatTokenizer, _ options: DatasetOptions, file: String) {
    self.chat = chat
    self.options = options
    self.file = file
    signs = TextSigns(chat.tokenizer, template: chat.template)
    workspace = Tokenizer.Workspace(chat.tokenizer)
  }

  /// The example of a row before truncation.
  mutating func example(_ row: DatasetRow, line: Int) throws(DatasetError) -> TrainingExample {
    switch row {
    case .text(let text): return build(text, spans: [0..<text.utf8.count], line: line)
    case .completion(let prompt, let completion):
      let text = prompt + completion
      return build(text, spans: [prompt.utf8.count..<text.utf8.count], line: line)
    case .messages(let messages, let given, let context):
      return try chatExample(messages, given, context, line)
    case .instruction(let system, let question, let answer, let context):
      guard chat.template != nil else {
        let prompt = (system.map { $0 + "\n\n" } ?? "") + question + "\n\n"
        return try example(.completion(prompt: prompt, completion: answer), line: line)
      }
      let messages = [DatasetRow.message("user", question), DatasetRow.message("assistant", answer)]
      return try chatExample((system.map { [DatasetRow.message("system", $0)] } ?? []) + messages, 0, context, line)
    }
  }

  /// Tokens of a text with those around it that the tokenizer wants, and the end token, which is trained.
  private mutating func build(_ text: String, spans: [Range<Int>], line: Int) -> TrainingExample {
    let encoded = encode(text)
    var tokens = beginning
    let all = options.trainOn == .all
    var isTrained = [Bool](repeating: all, count: tokens.count)
    mark(encoded, spans, all, &tokens, &isTrained)
    for id in chat.tokenizer.suffixIDs {
      tokens.append(id)
      isTrained.append(true)
    }
    if let eos = chat.eosID, tokens.last != eos {
      tokens.append(eos)
      isTrained.append(true)
    }
    return example(text, tokens, isTrained, line)
  }

  /// Tokens before every text.
  var beginning: [Int32] {
    let tokens = chat.tokenizer.prefixIDs
    guard let bos = chat.addedBOS, tokens.first != bos else { return tokens }
    return [bos] + tokens
  }

  /// A part of a long text; the end token follows its last part alone.
  mutating func window(_ text: String, isLast: Bool, line: Int) -> TrainingExample {
    if isLast { return build(text, spans: [0..<text.utf8.count], line: line) }
    let tokens = beginning
    let ids = encode(text).ids
    let marks =
      Array(repeating: options.trainOn == .all, count: tokens.count) + Array(repeating: true, count: ids.count)
    return example(text, tokens + ids, marks, line)
  }

  /// Tokens of a text alone.
  mutating func encode(_ text: String) -> TokenizedText {
    let encoded = chat.tokenizer.encodeWithOffsets(text, addSpecialTokens: false, &workspace)
    remarks = signs.remarks(on: text, encoded, &workspace)
    return encoded
  }

  private mutating func chatExample(
    _ messages: [JSONValue], _ given: Int, _ context: ChatContext, _ line: Int
  ) throws(DatasetError) -> TrainingExample {
    guard let template = chat.template else { throw .noChatTemplate(file: file, line: line) }
    let all = options.trainOn == .all
    let text: String
    var spans: [Range<Int>] = []
    do {
      if all {
        text = try template.render(messages, context, addGenerationPrompt: options.addsGenerationPrompt).text
      } else {
        // With one turn to find, that of the last answer is all that is looked for.
        let last = messages.lastIndex { $0["role"]?.string == "assistant" }
        let first = options.trainOn == .last ? max(given, last ?? 0) : given
        let search = TurnSpans(template: template, messages: messages, context: context)
        let turns = search.turns(given: first).count
        guard search.areWithinLimits(turns: turns) else {
          throw DatasetError.tooManyTurns(file: file, line: line, turns: turns)
        }
        let found = try search.find(given: first)
        if let turn = found.missing { throw DatasetError.turnNotFound(file: file, line: line, turn: turn) }
        (text, spans) = (found.text, options.trainOn == .last ? found.spans.suffix(1) : found.spans)
      }
    } catch let error as TemplateError {
      throw .template(file: file, line: line, error)
    } catch let error as DatasetError {
      throw error
    } catch {
      throw .nothingTrained(file: file, line: line, reason: "\(error)")
    }
    let encoded = encode(text)
    var tokens: [Int32] = []
    var isTrained: [Bool] = []
    mark(encoded, spans.map { throughEndOfTurn($0, encoded, text) }, all, &tokens, &isTrained)
    return example(text, tokens, isTrained, line)
  }

  /// Appends tokens; those that hold any byte of a span are trained.
  private func mark(
    _ encoded: TokenizedText, _ spans: [Range<Int>], _ all: Bool, _ tokens: inout [Int32], _ isTrained: inout [Bool]
  ) {
    var span = 0
    for (id, range) in zip(encoded.ids, encoded.ranges) {
      while span < spans.count, spans[span].upperBound <= range.lowerBound { span += 1 }
      let isInside =
        span < spans.count
        && (range.upperBound > spans[span].lowerBound || range.lowerBound >= spans[span].lowerBound)
      tokens.append(id)
      isTrained.append(all || isInside)
    }
  }

  /// The span of a turn, made to end with its end-of-turn token: a special token that the template writes right behind
  /// the turn belongs to it, and white space behind that token does not, for the model never writes it.
  private func throughEndOfTurn(_ span: Range<Int>, _ encoded: TokenizedText, _ text: String) -> Range<Int> {
    let bytes = text.utf8
    func isBlank(_ range: Range<Int>) -> Bool {
      bytes.dropFirst(range.lowerBound).prefix(range.count).allSatisfy { $0 == 0x20 || $0 >= 0x09 && $0 <= 0x0D }
    }
    let tokens = chat.tokenizer
    let inside = encoded.ranges.indices.filter {
      encoded.ranges[$0].lowerBound >= span.lowerBound && encoded.ranges[$0].lowerBound < span.upperBound
    }
    if let last = inside.last(where: { tokens.isAdded(encoded.ids[$0]) }) {
      let end = encoded.ranges[last].upperBound
      if end <= span.upperBound, isBlank(end..<span.upperBound) { return span.lowerBound..<end }
    }
    // The turn ends without one; take the one behind it.
    guard let next = encoded.ranges.firstIndex(where: { $0.lowerBound >= span.upperBound }) else { return span }
    var index = next
    while index < encoded.ids.count, !tokens.isAdded(encoded.ids[index]), isBlank(encoded.ranges[index]) { index += 1 }
    guard index < encoded.ids.count, chat.eosIDs.contains(encoded.ids[index]) else { return span }
    return span.lowerBound..<encoded.ranges[index].upperBound
  }

  private func example(_ text: String, _ tokens: [Int32], _ isTrained: [Bool], _ line: Int) -> TrainingExample {
    var isTrained = isTrained
    if !isTrained.isEmpty { isTrained[0] = false }
    return TrainingExample(tokens: tokens, isTrained: isTrained, line: line, text: text)
  }
}
