internal import Foundation

extension TemplateRenderer {
  mutating func filter(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "default", "d":
      let isMissing = value.isUndefined || arguments(1, "boolean")?.isTrue ?? false && !value.isTrue
      return isMissing ? arguments(0, "default_value") ?? .string("") : value
    case "tojson": return try toJSON(value, arguments, place)
    case "string": return .string(value.text)
    case "trim": return .string(Text.strip(value.text, arguments(0, "chars")?.string))
    case "upper": return .string(value.text.uppercased())
    case "lower": return .string(value.text.lowercased())
    case "title": return .string(Text.titleWords(value.text))
    case "capitalize": return .string(Text.capitalize(value.text))
    case "replace":
      let old = try required(arguments, 0, "old", name, place).text
      let new = try required(arguments, 1, "new", name, place).text
      let most = arguments(2, "count")?.integer ?? -1
      return .string(Text.replace(value.text, old, new, most: most < 0 ? .max : most))
    case "indent":
      guard value.string != nil else { throw failure("'indent' of \(value.kind)", place) }
      let width = arguments(0, "width") ?? .integer(4)
      let prefix = width.string ?? String(repeating: " ", count: min(max(width.integer ?? 4, 0), 1 << 16))
      return .string(
        Text.indent(
          value.text, prefix, first: arguments(1, "first")?.isTrue ?? false,
          blank: arguments(2, "blank")?.isTrue ?? false))
    case "escape", "e": return .string(Text.escapeHTML(value.text))
    case "safe": return .string(value.text)
    case "wordcount": return .integer(Text.wordCount(value.text))
    case "center": return .string(Text.center(value.text, arguments(0, "width")?.integer ?? 80))
    case "int", "float", "abs", "round": return try numeric(name, value, arguments, place)
    case "items":
      if value.isUndefined { return .list([]) }
      guard case .dictionary(let items) = value else { throw failure("'items' of \(value.kind)", place) }
      return .list(items.map { .list([$0.key, $0.value]) })
    case "dictsort":
      guard case .dictionary(let items) = value else { throw failure("'dictsort' of \(value.kind)", place) }
      let byValue = arguments(1, "by")?.string == "value"
      let pairs = items.map { TemplateValue.list([$0.key, $0.value]) }
      return .list(
        try sorted(
          pairs, by: .integer(byValue ? 1 : 0), ignoresCase: !(arguments(0, "case_sensitive")?.isTrue ?? false),
          reversed: arguments(2, "reverse")?.isTrue ?? false, place))
    case "attr": return try attributePath(value, try required(arguments, 0, "name", name, place), place)
    default: return try listFilter(name, value, arguments, place)
    }
  }

  private mutating func listFilter(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    let known: Set<String> = [
      "length", "count", "first", "last", "join", "list", "reverse", "sort", "unique", "map", "select", "reject",
      "selectattr", "rejectattr", "sum", "min", "max", "batch", "slice", "groupby",
    ]
    guard known.contains(name) else { throw failure("a filter '\(name)' that is not known here", place) }
    let items = try elements(of: value, place)
    switch name {
    case "length", "count": return .integer(items.count)
    case "first": return items.first ?? .undefined("there is no first item")
    case "last": return items.last ?? .undefined("there is no last item")
    case "list": return .list(items)
    case "join":
      var parts = items
      if let attribute = arguments(1, "attribute") {
        parts = []
        for item in items { parts.append(try attributePath(item, attribute, place)) }
      }
      return .string(parts.map(\.text).joined(separator: arguments(0, "d")?.text ?? ""))
    case "reverse":
      if case .string = value { return .string(items.reversed().map(\.text).joined()) }
      return .list(items.reversed())
    case "sort":
      return .list(
        try sorted(
          items, by: arguments(2, "attribute"), ignoresCase: !(arguments(1, "case_sensitive")?.isTrue ?? false),
          reversed: arguments(0, "reverse")?.isTrue ?? false, place))
    case "unique":
      var kept: [TemplateValue] = []
      for item in items where !kept.contains(where: { Self.folded($0).equals(Self.folded(item)) }) { kept.append(item) }
      return .list(kept)
    case "map": return .list(try mapped(items, arguments, place))
    case "select", "reject", "selectattr", "rejectattr": return .list(try selected(name, items, arguments, place))
    case "sum":
      var total = arguments(1, "start") ?? .integer(0)
      for item in items {
        let term = try arguments(0, "attribute").map { key throws(TemplateError) in try attributePath(item, key, place)
        }
        guard let a = total.number, let b = (term ?? item).number else { throw failure("a sum of no numbers", place) }
        if let x = total.integer, let y = (term ?? item).integer {
          total = .integer(x &+ y)
        } else {
          total = .float(a + b)
        }
      }
      return total
    case "min", "max":
      let order = try sorted(items, by: arguments(1, "attribute"), ignoresCase: true, reversed: name == "max", place)
      return order.first ?? .undefined("there is no item")
    case "batch":
      let size = max(try required(arguments, 0, "linecount", name, place).integer ?? 1, 1)
      let filler = arguments(1, "fill_with").flatMap { $0.isNone ? nil : $0 }
      return .list(
        stride(from: 0, to: items.count, by: size).map { start in
          let part = Array(items[start..<min(start + size, items.count)])
          return .list(part + (filler.map { Array(repeating: $0, count: min(size - part.count, 1 << 16)) } ?? []))
        })
    case "slice":
      guard let count = try required(arguments, 0, "slices", name, place).integer, (1...(1 << 16)).contains(count)
      else { throw failure("'slice' asks for a number of slices", place) }
      return .list(Self.slices(items, count, filler: arguments(1, "fill_with")))
    default:
      let key = try required(arguments, 0, "attribute", name, place)
      var groups: [(TemplateValue, [TemplateValue])] = []
      for item in try sorted(items, by: key, ignoresCase: true, reversed: false, place) {
        let value = try attributePath(item, key, place)
        if let last = groups.last, last.0.equals(value) {
          groups[groups.count - 1].1.append(item)
        } else {
          groups.append((value, [item]))
        }
      }
      return .list(groups.map { .list([$0.0, .list($0.1)]) })
    }
  }

  /// As many slices as asked for, the first ones longer by one where it does not come out even.
  private static func slices(_ items: [TemplateValue], _ count: Int, filler: TemplateValue?) -> [TemplateValue] {
    let (size, longer) = (items.count / count, items.count % count)
    let filler = filler.flatMap { $0.isNone ? nil : $0 }
    var start = 0
    return (0..<count).map { index in
      let end = start + size + (index < longer ? 1 : 0)
      defer { start = end }
      return .list(items[start..<end] + (index >= longer ? filler.map { [$0] } ?? [] : []))
    }
  }

  private static func folded(_ value: TemplateValue) -> TemplateValue {
    value.string.map { .string($0.lowercased()) } ?? value
  }

  private func attributePath(
    _ value: TemplateValue, _ path: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    guard let names = path.string else { return try member(value, path, place) }
    var value = value
    for name in Text.split(names, by: ".") {
      value = try member(value, Int(name).map { .integer($0) } ?? .string(name), place)
    }
    return value
  }

  private mutating func mapped(
    _ items: [TemplateValue], _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    if let attribute = arguments(.max, "attribute") {
      for item in items {
        let value = try attributePath(item, attribute, place)
        result.append(value.isUndefined ? arguments(.max, "default") ?? value : value)
      }
      return result
    }
    let name = try required(arguments, 0, "filter", "map", place).text
    let rest = Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    for item in items { result.append(try filter(name, item, rest, place)) }
    return result
  }

  private mutating func selected(
    _ name: String, _ items: [TemplateValue], _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    let byAttribute = name.hasSuffix("attr")
    let skipped = byAttribute ? 1 : 0
    let testName = arguments(skipped, "")?.text
    let rest = Arguments(positional: Array(arguments.positional.dropFirst(skipped + 1)), named: [])
    var result: [TemplateValue] = []
    for item in items {
      var subject = item
      if byAttribute { subject = try attributePath(item, try required(arguments, 0, "attribute", name, place), place) }
      let passes = if let testName { try test(testName, subject, rest, place) } else { subject.isTrue }
      if passes == name.hasPrefix("select") { result.append(item) }
    }
    return result
  }

  private func sorted(
    _ items: [TemplateValue], by attribute: TemplateValue?, ignoresCase: Bool, reversed: Bool, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    var keyed: [(key: TemplateValue, index: Int)] = []
    for (index, item) in items.enumerated() {
      var key = item
      if let attribute, !attribute.isNone { key = try attributePath(item, attribute, place) }
      if let first = keyed.first, first.key.isLess(than: key) == nil {
        throw failure("sorting \(first.key.kind) with \(key.kind)", place)
      }
      keyed.append((ignoresCase ? Self.folded(key) : key, index))
    }
    keyed.sort { left, right in
      let isLess = reversed ? right.key.isLess(than: left.key) : left.key.isLess(than: right.key)
      let isMore = reversed ? left.key.isLess(than: right.key) : right.key.isLess(than: left.key)
      return isLess ?? false || !(isMore ?? false) && left.index < right.index
    }
    return keyed.map { items[$0.index] }
  }

  private func numeric(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "int":
      if let integer = value.integer { return .integer(integer) }
      if let text = value.string.map({ Text.strip($0) }), let integer = Int(text) { return .integer(integer) }
      if let number = value.number ?? value.string.flatMap({ Double(Text.strip($0)) }), abs(number) < 9e18 {
        return .integer(Int(number))
      }
      return arguments(0, "default") ?? .integer(0)
    case "float":
      if let number = value.number ?? value.string.flatMap({ Double(Text.strip($0)) }) { return .float(number) }
      return arguments(0, "default") ?? .float(0)
    case "abs":
      if let integer = value.integer, integer != .min { return .integer(abs(integer)) }
      guard let number = value.number else { throw failure("'abs' of \(value.kind)", place) }
      return .float(abs(number))
    default:
      guard let number = value.number else { throw failure("'round' of \(value.kind)", place) }
      let method = arguments(1, "method")?.string ?? "common"
      let precision = arguments(0, "precision")?.integer ?? 0
      if method == "common", precision >= 0, let integer = value.integer { return .integer(integer) }
      // Right to the last digit, as Python rounds.
      if method == "common", (0...300).contains(precision), number.isFinite {
        return .float(Double(String(format: "%.\(precision)f", number)) ?? number)
      }
      var scale = 1.0
      for _ in 0..<min(max(precision, 0), 300) { scale *= 10 }
      let rule: FloatingPointRoundingRule =
        switch method {
        case "ceil": .up
        case "floor": .down
        default: .toNearestOrEven
        }
      return .float((number * scale).rounded(rule) / scale)
    }
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
    if case .list(let given)? = arguments(2, "separators"), given.count == 2 {
      separators = (given[0].text, given[1].text)
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

  // MARK: Tests

  func test(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> Bool {
    func other() throws(TemplateError) -> TemplateValue { try required(arguments, 0, "value", name, place) }
    func integer() throws(TemplateError) -> Int {
      guard let integer = value.integer else { throw failure("'\(name)' of \(value.kind)", place) }
      return integer
    }
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none": return value.isNone
    case "true", "false": if case .bool(let flag) = value { return flag == (name == "true") } else { return false }
    case "boolean": if case .bool = value { return true } else { return false }
    case "integer": if case .integer = value { return true } else { return false }
    case "float": if case .float = value { return true } else { return false }
    case "number": return value.number != nil
    case "string": return value.string != nil
    case "mapping": if case .dictionary = value { return true } else { return false }
    case "sequence", "iterable":
      switch value {
      case .list, .string, .dictionary: return true
      case .undefined: return true
      default: return false
      }
    case "callable":
      switch value {
      case .macro, .function, .method: return true
      default: return false
      }
    case "equalto", "eq", "==": return value.equals(try other())
    case "sameas":
      let other = try other()
      return value.kind == other.kind && value.equals(other)
    case "ne", "!=": return !value.equals(try other())
    case "lt", "lessthan", "<": return try compare("<", value, try other(), place)
    case "le", "<=": return try compare("<=", value, try other(), place)
    case "gt", "greaterthan", ">": return try compare(">", value, try other(), place)
    case "ge", ">=": return try compare(">=", value, try other(), place)
    case "in": return try contains(try other(), value, place)
    case "odd": return try integer() % 2 != 0
    case "even": return try integer() % 2 == 0
    case "divisibleby":
      guard let divisor = try other().integer, divisor != 0 else { throw failure("'divisibleby' zero", place) }
      return try integer() % divisor == 0
    case "lower": return Text.isLower(value.text)
    case "upper": return Text.isUpper(value.text)
    default: throw failure("a test '\(name)' that is not known here", place)
    }
  }
}
