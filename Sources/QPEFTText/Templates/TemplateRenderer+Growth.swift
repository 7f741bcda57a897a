/// Values that may become much larger than what they are made of, and the bound of them all.
extension TemplateRenderer {
  /// Bytes of a text or a list, which no chat needs more of: a template may double them in a loop.
  private static let largest = 1 << 26

  /// Bytes of all that a rendering makes, which bounds what it can hold at a time.
  private static let mostMade = 1 << 32

  /// Refuses a value that was made and is too large, what it holds many times being counted as often, or nests too deep: who compares
  /// or prints it would not come to an end.
  mutating func checkMade(_ value: TemplateValue, _ place: TemplatePlace) throws(TemplateError) {
    var room = TemplateRoom(bytes: Self.largest)
    guard room.takes(value, depth: 0) else { throw failure("a value that grows beyond all reason", place) }
    made += Self.largest - room.bytes
    if made > Self.mostMade { throw failure("values that together grow beyond all reason", place) }
  }

  func checkSize(_ left: Int, _ right: Int, _ place: TemplatePlace) throws(TemplateError) {
    if left + right > Self.largest { throw failure("a value that grows beyond all reason", place) }
  }

  /// A text or list several times over, as long as it stays within reason.
  func repeated(
    _ value: TemplateValue, _ count: Int, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    let count = max(count, 0)
    let (size, overflows) = value.size.multipliedReportingOverflow(by: count)
    guard !overflows, size <= Self.largest, count <= Self.largest else {
      throw failure("\(value.kind) repeated beyond all reason", place)
    }
    switch value {
    case .list(let items): return .list((0..<count).flatMap { _ in items })
    case .tuple(let items): return .tuple((0..<count).flatMap { _ in items })
    default: return value.withText(String(repeating: value.text, count: count))
    }
  }

  /// A text with `new` for `old`, at most `count` times if that is not negative.
  func replaced(
    _ text: String, _ old: String, _ new: String, count: Int, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    let most = count < 0 ? Int.max : count
    let places = old.isEmpty ? text.utf8.count + 1 : text.utf8.count / old.utf8.count
    let (growth, overflows) = min(most, places).multipliedReportingOverflow(by: new.utf8.count)
    try checkSize(text.utf8.count, overflows ? Self.largest + 1 : growth, place)
    return Text.replace(text, old, new, most: most)
  }

  /// The characters of a text as texts.
  func characters(of text: String, _ place: TemplatePlace) throws(TemplateError) -> [TemplateValue] {
    try checkCount(text.utf8.count, place)
    return text.unicodeScalars.map { .string(String(Character($0))) }
  }

  /// Parts of a text as a list.
  func parts(_ texts: [String], _ place: TemplatePlace) throws(TemplateError) -> TemplateValue {
    try checkCount(texts.count, place)
    return .list(texts.map { .string($0) })
  }

  /// Items take many times the bytes of a short text.
  private func checkCount(_ count: Int, _ place: TemplatePlace) throws(TemplateError) {
    if count > Self.largest / 64 { throw failure("a list that grows beyond all reason", place) }
  }

  /// The texts of values, one behind the other.
  func joined(_ items: [TemplateValue], by separator: String, _ place: TemplatePlace) throws(TemplateError) -> String {
    var result = ""
    for (index, item) in items.enumerated() {
      let text = item.text
      try checkSize(result.utf8.count, text.utf8.count + separator.utf8.count, place)
      result += index > 0 ? separator + text : text
    }
    return result
  }

  /// What fills a text up to a width: one character, as in Python.
  func filler(_ value: TemplateValue?, _ place: TemplatePlace) throws(TemplateError) -> String {
    guard let value else { return " " }
    guard let text = value.string, text.unicodeScalars.count == 1 else {
      throw failure("a fill character that is not one character", place)
    }
    return text
  }

  /// A text with something before its lines.
  func indented(
    _ text: String, _ prefix: String, first: Bool, blank: Bool, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    let lines = 1 + text.utf8.count { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
    try checkSize(text.utf8.count, lines * prefix.utf8.count, place)
    return Text.indent(text, prefix, first: first, blank: blank)
  }
}

/// What is left for a value and all that it holds.
private struct TemplateRoom {
  private static let deepest = 256

  var bytes: Int

  /// False where there is not enough.
  mutating func takes(_ value: TemplateValue, depth: Int) -> Bool {
    bytes -= MemoryLayout<TemplateValue>.stride + (value.string?.utf8.count ?? 0)
    if bytes < 0 || depth > Self.deepest { return false }
    switch value {
    case .list(let items), .tuple(let items): return takes(items, depth)
    case .dictionary(let items):
      return items.allSatisfy { takes($0.key, depth: depth + 1) && takes($0.value, depth: depth + 1) }
    case .view(let view):
      // Numbers alone, which need no look.
      if case .range = view.form { bytes -= value.size } else { return takes(view.items, depth) }
      return bytes >= 0
    case .method(let owner, _): return takes(owner, depth: depth + 1)
    case .loop(let loop): return takes(loop.items, depth)
    default: return true
    }
  }

  private mutating func takes(_ items: [TemplateValue], _ depth: Int) -> Bool {
    items.allSatisfy { takes($0, depth: depth + 1) }
  }
}
