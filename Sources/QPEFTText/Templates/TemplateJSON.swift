internal import QPEFTJSON
extension TemplateValue {
  /// As Python's `json.dumps(value, ensure_ascii=False)` writes it, which is what `tojson` is in transformers.
  ///
  /// - Returns: nil if there is something in it that has no JSON form.
  func json(indent: String?, item: String, key: String, sortsKeys: Bool, ascii: Bool = false) -> String? {
    writeJSON(JSONStyle(indent: indent, item: item, key: key, sortsKeys: sortsKeys, ascii: ascii), depth: 0)
  }

  struct JSONStyle {
    var indent: String?
    var item: String
    var key: String
    var sortsKeys: Bool
    var ascii: Bool
  }

  private func writeJSON(_ style: JSONStyle, depth: Int) -> String? {
    switch self {
    case .none: return "null"
    case .bool(let flag): return flag ? "true" : "false"
    case .integer(let number): return String(number)
    case .float(let number):
      if number.isNaN { return "NaN" }
      return number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : Self.text(of: number)
    case .string(let text), .markup(let text): return JSONValue.quoted(text, keepsUnicode: !style.ascii)
    case .list(let items), .tuple(let items):
      var parts: [String] = []
      for item in items {
        guard let part = item.writeJSON(style, depth: depth + 1) else { return nil }
        parts.append(part)
      }
      return Self.bracketed(parts, "[", "]", style, depth)
    case .dictionary(let items):
      var parts: [String] = []
      let sorted = style.sortsKeys ? items.sorted { $0.key.isLess(than: $1.key) ?? false } : items
      for (key, value) in sorted {
        let name: String
        switch key {
        case .string(let text): name = text
        case .none: name = "null"
        case .bool(let flag): name = flag ? "true" : "false"
        case .integer, .float: name = key.text
        default: return nil
        }
        guard let part = value.writeJSON(style, depth: depth + 1) else { return nil }
        parts.append(JSONValue.quoted(name, keepsUnicode: !style.ascii) + style.key + part)
      }
      return Self.bracketed(parts, "{", "}", style, depth)
    default: return nil
    }
  }

  private static func bracketed(
    _ parts: [String], _ open: String, _ close: String, _ style: JSONStyle, _ depth: Int
  ) -> String {
    guard let indent = style.indent, !parts.isEmpty else {
      return open + parts.joined(separator: style.item) + close
    }
    let inner = "\n" + String(repeating: indent, count: depth + 1)
    return open + inner + parts.joined(separator: style.item + inner) + "\n"
      + String(repeating: indent, count: depth) + close
  }
}
