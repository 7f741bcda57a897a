extension TemplateValue {
  /// Its text with the signs of HTML escaped, unless it is marked safe.
  var escaped: String { if case .markup(let text) = self { text } else { Text.escapeHTML(text) } }

  /// Escaped where it is a text that is not marked safe; numbers stay what they are.
  var escapedIfText: TemplateValue { if case .string(let text) = self { .string(Text.escapeHTML(text)) } else { self } }

  /// A text of the same kind: marked safe where this one is.
  func withText(_ text: String) -> TemplateValue { if case .markup = self { .markup(text) } else { .string(text) } }

  /// Itself with its texts marked safe.
  var markedSafe: TemplateValue {
    switch self {
    case .string(let text): .markup(text)
    case .list(let items): .list(items.map(\.markedSafe))
    case .tuple(let items): .tuple(items.map(\.markedSafe))
    default: self
    }
  }
}
