internal import QPEFTJSON
/// Finds what the assistant says in a rendered chat: by position, never by token id.
///
/// The chat is rendered up to each answer, with the generation prompt, and up to its end; what the second has more than
/// the first is the answer. Some templates treat early turns unlike late ones (a system prompt that moves into the last
/// question, thoughts that are dropped from earlier answers, an end token behind the last turn only), so that such a
/// prefix is none of the whole text. Then the chat is rendered with a stand-in for the answer: what is the same before
/// and behind the stand-in is around the answer. The same tells where an answer begins that nothing comes before, and
/// where it ends in a template that writes a generation prompt behind every chat.
///
/// Every answer takes two renderings of what is before it, which is why there is a limit to answers and text.
struct TurnSpans {
  static let mostTurns = 1000
  /// Answers times the bytes of all contents.
  static let mostWork = 1 << 32

  let template: ChatTemplate
  let messages: [JSONValue]
  let context: ChatContext

  /// Turns of the assistant from message `given` on.
  func turns(given: Int) -> [Int] {
    messages.indices.filter { $0 >= given && messages[$0]["role"]?.string == "assistant" }
  }

  /// Whether so many turns are looked for.
  func areWithinLimits(turns: Int) -> Bool {
    let bytes = messages.reduce(1) { $0 + ($1["content"]?.string?.utf8.count ?? 0) }
    return turns <= Self.mostTurns && turns <= Self.mostWork / bytes
  }

  /// The whole text, and the UTF-8 ranges of the assistant's turns from message `given` on.
  ///
  /// - Returns: `missing`, the first turn that was not found, beside the spans that were.
  func find(given: Int) throws(TemplateError) -> (text: String, spans: [Range<Int>], missing: Int?) {
    let whole = try template.render(messages, context)
    if !whole.generations.isEmpty, given == 0 { return (whole.text, whole.generations, nil) }
    let bytes = Array(whole.text.utf8)
    var spans: [Range<Int>] = []
    var end = 0
    for index in turns(given: given) {
      guard let span = span(of: index, in: bytes), span.lowerBound >= end, !span.isEmpty else {
        return (whole.text, spans, index)
      }
      end = span.upperBound
      spans.append(span)
    }
    return (whole.text, spans, nil)
  }

  private func span(of index: Int, in whole: [UInt8]) -> Range<Int>? {
    var standIn: Range<Int>?
    func contentSpan() -> Range<Int>? {
      if standIn == nil { standIn = spanByStandIn(of: index, in: whole) }
      return standIn
    }
    guard let start = start(of: index, in: whole) ?? contentSpan()?.lowerBound else { return nil }
    if let after = rendered(upTo: index + 1), whole.starts(with: after), after.count > start {
      guard Self.endAlike(after, whole[..<start]), let content = contentSpan(), content.lowerBound == start,
        content.upperBound < after.count
      else { return start..<after.count }
      // What stands behind the question as well, unasked, is the prompt for an answer to come.
      let behind = after[content.upperBound...].reversed()
      let isPrompt = rendered(upTo: index).map { $0.count == start && $0.reversed().starts(with: behind) } ?? false
      return start..<(isPrompt ? content.upperBound : after.count)
    }
    guard let end = contentSpan()?.upperBound, end > start else { return nil }
    return start..<end
  }

  private func start(of index: Int, in whole: [UInt8]) -> Int? {
    // What is before a first answer is the template's own: its name for the assistant, maybe a system prompt.
    if index == 0 { return firstWritten(in: index, whole) ?? 0 }
    let prompted = rendered(upTo: index, addGenerationPrompt: true)
    if let prompted, whole.starts(with: prompted) { return prompted.count }
    // The prompt may open something that this answer does not have, such as thoughts, and end as the answer begins.
    guard let plain = rendered(upTo: index), whole.starts(with: plain) else { return nil }
    let common = prompted.map { Self.commonPrefix($0, whole) } ?? 0
    return max(plain.count, min(common, firstWritten(in: index, whole) ?? common))
  }

  /// Where the words of a message begin: up to there the text is the same with other words. Of two words that begin
  /// differently one differs from the first that is there.
  private func firstWritten(in index: Int, _ whole: [UInt8]) -> Int? {
    guard let message = messages[index].object else { return nil }
    let written = Self.written.filter { message[$0]?.string?.isEmpty == false }
    guard !written.isEmpty else { return nil }
    let same = ["Q", "z"].compactMap { other -> Int? in
      var (chat, changed) = (messages, message)
      for name in written { changed[name] = .string(other) }
      chat[index] = .object(changed)
      return (try? template.render(chat, context).text).map { Self.commonPrefix(Array($0.utf8), whole) }
    }
    return same.count == 2 ? same.min() : nil
  }

  /// Fields of a message that hold words of the model.
  private static let written = ["content", "reasoning_content", "reasoning", "thinking"]

  private func rendered(upTo count: Int, addGenerationPrompt: Bool = false) -> [UInt8]? {
    let prefix = Array(messages.prefix(count))
    guard let text = try? template.render(prefix, context, addGenerationPrompt: addGenerationPrompt).text
    else { return nil }
    return Array(text.utf8)
  }

  /// Where the content of a message stands, seen by rendering the chat with something else in its place.
  private func spanByStandIn(of index: Int, in whole: [UInt8]) -> Range<Int>? {
    guard var message = messages[index].object else { return nil }
    let standIn = "QPEFT\(whole.count)ANSWER"
    message["content"] = .string(standIn)
    var changed = messages
    changed[index] = .object(message)
    guard let text = try? template.render(changed, context).text, let start = Text.find(standIn, in: text) else {
      return nil
    }
    let bytes = Array(text.utf8)
    let before = bytes[..<start]
    let behind = bytes[(start + standIn.utf8.count)...]
    let end = whole.count - behind.count
    guard end >= start, whole.starts(with: before), whole[end...].elementsEqual(behind) else { return nil }
    return start..<end
  }

  /// Whether two texts end with the same, and that is more than white space.
  private static func endAlike(_ left: [UInt8], _ right: ArraySlice<UInt8>) -> Bool {
    zip(left.reversed(), right.reversed()).lazy.prefix { $0 == $1 }.contains { $0.0 > 0x20 }
  }

  private static func commonPrefix(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var count = 0
    while count < left.count, count < right.count, left[count] == right[count] { count += 1 }
    return count
  }
}
