internal import Foundation

extension TemplateRenderer {
  /// The filters of Jinja 3.1, with transformers' `tojson`; the last four are known and refused.
  static let filters: Set<String> = [
    "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape",
    "filesizeformat", "first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last",
    "length", "list", "lower", "map", "max", "min", "pprint", "reject", "rejectattr", "replace", "reverse", "round",
    "safe", "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim",
    "truncate",
    "unique", "upper", "urlencode", "wordcount", "xmlattr", "random", "urlize", "wordwrap",
  ]

  mutating func filter(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "default", "d":
      let isMissing = value.isUndefined || arguments(1, "boolean")?.isTrue ?? false && !value.isTrue
      return isMissing ? arguments(0, "default_value") ?? .string("") : value
    case "tojson": return try toJSON(value, arguments, place)
    case "string": return value.string == nil ? .string(value.text) : value
    case "trim":
      return try method("strip", of: value.string == nil ? .string(value.text) : value, arguments, place)
    case "upper", "lower", "capitalize":
      return try method(name, of: value.string == nil ? .string(value.text) : value, Arguments(), place)
    case "title": return .string(Text.titleWords(value.text))
    case "center":
      return value.withText(Text.center(value.text, arguments(0, "width")?.integer ?? 80))
    case "replace":
      let old = try required(arguments, 0, "old", name, place).text
      let new = try required(arguments, 1, "new", name, place).text
      return .string(try replaced(value.text, old, new, count: arguments(2, "count")?.integer ?? -1, place))
    case "indent":
      guard value.string != nil else { throw failure("'indent' of \(value.kind)", place) }
      let width = arguments(0, "width") ?? .integer(4)
      let prefix = width.string ?? String(repeating: " ", count: min(max(width.integer ?? 4, 0), 1 << 16))
      return value.withText(
        try indented(
          value.text, prefix, first: arguments(1, "first")?.isTrue ?? false,
          blank: arguments(2, "blank")?.isTrue ?? false, place))
    case "escape", "e": return .markup(value.escaped)
    case "forceescape": return .markup(Text.escapeHTML(value.text))
    case "safe": return .markup(value.text)
    case "striptags": return .string(Text.withoutTags(value.text))
    case "urlencode": return .string(try urlEncoded(value, place))
    case "truncate": return try truncated(value, arguments, place)
    case "xmlattr": return .string(try attributesOfXML(value, arguments, place))
    case "pprint":
      let text = value.sortedByKey.representation
      guard text.unicodeScalars.count <= 80 else { throw failure("'pprint' of what is longer than a line", place) }
      return .string(text)
    case "format":
      guard arguments.positional.isEmpty || arguments.named.isEmpty else {
        throw failure("'format' takes values by place or by name, not both", place)
      }
      let named = TemplateValue.dictionary(arguments.named.map { (.string($0.name), $0.value) })
      let values = arguments.named.isEmpty ? TemplateValue.tuple(arguments.positional) : named
      if case .markup = value { return try combined("%", value, values, place) }
      return .string(try percent(value.text, values, place))
    case "wordcount": return .integer(Text.wordCount(value.text))
    case "int", "float", "abs", "round", "filesizeformat": return try numeric(name, value, arguments, place)
    case "items":
      if value.isUndefined { return try generator([], place) }
      guard case .dictionary(let items) = value else { throw failure("'items' of \(value.kind)", place) }
      return try generator(items.map { .tuple([$0.key, $0.value]) }, place)
    case "dictsort":
      guard case .dictionary(let items) = value else { throw failure("'dictsort' of \(value.kind)", place) }
      let byValue = arguments(1, "by")?.string == "value"
      let pairs = items.map { TemplateValue.tuple([$0.key, $0.value]) }
      return .list(
        try sorted(
          pairs, by: .integer(byValue ? 1 : 0), ignoresCase: !(arguments(0, "case_sensitive")?.isTrue ?? false),
          reversed: arguments(2, "reverse")?.isTrue ?? false, place))
    case "attr": return try ownAttribute(value, try required(arguments, 0, "name", name, place), place)
    case "random": throw failure("'random' leaves to chance what a model is trained on", place)
    case "urlize", "wordwrap": throw failure("the filter '\(name)' is not supported", place)
    default:
      guard Self.filters.contains(name) else { throw failure("a filter '\(name)' that is not known here", place) }
      return try listFilter(name, value, arguments, place)
    }
  }

  /// What a value has by itself, not what it holds.
  private func ownAttribute(
    _ value: TemplateValue, _ name: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    guard let name = name.string else { throw failure("'attr' asks for a name", place) }
    switch value {
    case .dictionary:
      return Self.methods(of: value).contains(name) ? .method(value, name) : .undefined("there is no '\(name)'")
    case .undefined(let reason): throw failure(reason, place)
    default: return try attribute(value, name, place)
    }
  }

  private func truncated(
    _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    let scalars = Array((value.string ?? "").unicodeScalars)
    let end = arguments(2, "end")?.text ?? "..."
    let length = arguments(0, "length")?.integer ?? 255
    let leeway = arguments(3, "leeway").flatMap { $0.isNone ? nil : $0.integer } ?? 5
    let room = length - end.unicodeScalars.count
    guard room >= 0, leeway >= 0 else { throw failure("'truncate' to less than its end", place) }
    let count = try self.length(of: value, place)
    if count <= length.addingReportingOverflow(leeway).partialValue { return value }
    guard value.string != nil else { throw failure("'truncate' of \(value.kind)", place) }
    var kept = String(String.UnicodeScalarView(scalars.prefix(room)))
    if !(arguments(1, "killwords")?.isTrue ?? false) { kept = Text.split(kept, by: " ", most: 1, fromEnd: true)[0] }
    return value.withText(kept + end)
  }

  private mutating func urlEncoded(_ value: TemplateValue, _ place: TemplatePlace) throws(TemplateError) -> String {
    let pairs: [TemplateValue]
    if case .dictionary(let items) = value {
      pairs = items.map { .tuple([$0.key, $0.value]) }
    } else if value.string == nil, value.items != nil {
      pairs = try elements(of: value, place)
    } else {
      return Text.percentEncoded(value.text, keeping: "/")
    }
    var parts: [String] = []
    for pair in pairs {
      let pair = try elements(of: pair, place)
      guard pair.count == 2 else { throw failure("'urlencode' asks for pairs of a key and a value", place) }
      parts.append(pair.map { Text.percentEncoded($0.text, isQuery: true) }.joined(separator: "="))
    }
    return parts.joined(separator: "&")
  }

  private func attributesOfXML(
    _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    guard case .dictionary(let items) = value else { throw failure("'xmlattr' of \(value.kind)", place) }
    var parts: [String] = []
    for (key, value) in items where !value.isNone && !value.isUndefined {
      guard let name = key.string, !name.utf8.contains(where: { " \t\n\u{B}\u{C}\r/>=".utf8.contains($0) }) else {
        throw failure("'xmlattr' with a name that is none", place)
      }
      parts.append("\(key.escaped)=\"\(value.escaped)\"")
    }
    let text = parts.joined(separator: " ")
    return text.isEmpty || !(arguments(0, "autospace")?.isTrue ?? true) ? text : " " + text
  }

  private func toJSON(
    _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    // transformers: tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)
    let ascii = arguments(0, "ensure_ascii")?.isTrue ?? false
    var indent: String?
    if let width = arguments(1, "indent"), !width.isNone {
      indent = width.string ?? String(repeating: " ", count: min(max(width.integer ?? 0, 0), 64))
    }
    var separators = (item: indent == nil ? ", " : ",", key: ": ")
    if let given = arguments(2, "separators")?.items, given.count == 2 {
      separators = (given[0].text, given[1].text)
    }
    // Written before and between all members.
    for text in [indent ?? "", separators.item, separators.key] where text.utf8.count > 64 {
      throw failure("'tojson' with more than 64 bytes between members", place)
    }
    let sortsKeys = arguments(3, "sort_keys")?.isTrue ?? false
    guard
      let text = value.json(
        indent: indent, item: separators.item, key: separators.key, sortsKeys: sortsKeys, ascii: ascii)
    else {
      if case .undefined(let reason) = value { throw failure(reason, place) }
      throw failure("\(value.kind) has no JSON form", place)
    }
    return .string(text)
  }
}
