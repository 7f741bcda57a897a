extension TemplateRenderer {
  mutating func listFilter(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "length", "count": return .integer(try length(of: value, place))
    case "first":
      if case .generator(let index) = value {
        return generators[index].popFirst() ?? .undefined("there is no first item")
      }
      return try elements(of: value, place).first ?? .undefined("there is no first item")
    case "last": return try reversed(value, name, place).first ?? .undefined("there is no last item")
    case "reverse":
      if value.string != nil {
        return value.withText(String(String.UnicodeScalarView(value.text.unicodeScalars.reversed())))
      }
      if case .generator = value { return .list(try elements(of: value, place).reversed()) }
      return try generator(try reversed(value, name, place), place)
    case "map", "select", "reject", "selectattr", "rejectattr":
      // Python asks the value first, and only then what to do.
      guard value.isTrue else { return try generator([], place) }
      let items = try elements(of: value, place)
      return try generator(
        name == "map" ? try mapped(items, arguments, place) : try selected(name, items, arguments, place), place)
    default: return try collected(name, try elements(of: value, place), arguments, place)
    }
  }

  func length(of value: TemplateValue, _ place: TemplatePlace) throws(TemplateError) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text), .markup(let text): return text.unicodeScalars.count
    case .dictionary(let items): return items.count
    case .loop(let loop): return loop.items.count
    default:
      guard let items = value.items else { throw failure("\(value.kind) has no length", place) }
      return items.count
    }
  }

  private mutating func reversed(
    _ value: TemplateValue, _ name: String, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    if case .generator = value { throw failure("'\(name)' of a generator: make it a list first", place) }
    return try elements(of: value, place).reversed()
  }

  private mutating func collected(
    _ name: String, _ items: [TemplateValue], _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    func isSensitive(_ index: Int) -> Bool { arguments(index, "case_sensitive")?.isTrue ?? false }
    switch name {
    case "list": return .list(items)
    case "join":
      var parts = items
      if let path = arguments(1, "attribute"), !path.isNone { parts = try items.attributes(path, self, place) }
      return .string(try joined(parts, by: arguments(0, "d")?.text ?? "", place))
    case "sort":
      return .list(
        try sorted(
          items, by: arguments(2, "attribute"), ignoresCase: !isSensitive(1),
          reversed: arguments(0, "reverse")?.isTrue ?? false, place))
    case "unique":
      let keys = try items.attributes(arguments(1, "attribute"), self, place).map {
        isSensitive(0) ? $0 : Self.folded($0)
      }
      var kept: [TemplateValue] = []
      var seen: [TemplateValue] = []
      for (key, item) in zip(keys, items) where !seen.contains(where: { $0.equals(key) }) {
        guard key.isKey else { throw failure("'unique' of \(key.kind)", place) }
        seen.append(key)
        kept.append(item)
      }
      return try generator(kept, place)
    case "sum":
      var total = arguments(1, "start") ?? .integer(0)
      if total.string != nil { throw failure("'sum' adds no strings: 'join' does", place) }
      for term in try items.attributes(arguments(0, "attribute"), self, place) {
        total = try combined("+", total, term, place)
      }
      return total
    case "min", "max":
      let order = try sorted(
        items, by: arguments(1, "attribute"), ignoresCase: !isSensitive(0), reversed: name == "max", splits: false,
        place)
      return order.first ?? .undefined("there is no item")
    case "batch":
      guard let size = try required(arguments, 0, "linecount", name, place).integer, size > 0 else {
        throw failure("'batch' asks for a number of items", place)
      }
      let filler = arguments(1, "fill_with").flatMap { $0.isNone ? nil : $0 }
      return try generator(
        stride(from: 0, to: items.count, by: size).map { start in
          let part = Array(items[start..<min(items.count - start, size) + start])
          return .list(part + (filler.map { Array(repeating: $0, count: min(size - part.count, 1 << 16)) } ?? []))
        }, place)
    case "slice":
      guard let count = try required(arguments, 0, "slices", name, place).integer, (1...(1 << 16)).contains(count)
      else { throw failure("'slice' asks for a number of slices", place) }
      return try generator(Self.slices(items, count, filler: arguments(1, "fill_with")), place)
    default: return try grouped(items, arguments, ignoresCase: !isSensitive(2), place)
    }
  }

  private func grouped(
    _ items: [TemplateValue], _ arguments: Arguments, ignoresCase: Bool, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    let path = try required(arguments, 0, "attribute", "groupby", place)
    let preset = arguments(1, "default").flatMap { $0.isNone ? nil : $0 }
    var groups: [(folded: TemplateValue, shown: TemplateValue, items: [TemplateValue])] = []
    for item in try sorted(
      items, by: path, preset: preset, ignoresCase: ignoresCase, reversed: false, splits: false, place)
    {
      let shown = try attributePath(item, path, preset: preset, place)
      let folded = ignoresCase ? Self.folded(shown) : shown
      if let last = groups.last, last.folded.equals(folded) {
        groups[groups.count - 1].items.append(item)
      } else {
        groups.append((folded, shown, [item]))
      }
    }
    return .list(groups.map { .view(TemplateView(form: .group, items: [$0.shown, .list($0.items)])) })
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

  /// What a path such as `function.name` or `0.role` leads to.
  func attributePath(
    _ value: TemplateValue, _ path: TemplateValue, preset: TemplateValue? = nil, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    if path.isNone { return value }
    let names: [TemplateValue] =
      if let text = path.string {
        Text.split(text, by: ".").map { name in Int(name).map { .integer($0) } ?? .string(name) }
      } else {
        [path]
      }
    var value = value
    for name in names {
      value = try member(value, name, place)
      if let preset, value.isUndefined { value = preset }
    }
    return value
  }

  private mutating func mapped(
    _ items: [TemplateValue], _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    if arguments.positional.isEmpty, let attribute = arguments(.max, "attribute") {
      let preset = arguments(.max, "default").flatMap { $0.isNone ? nil : $0 }
      for item in items { result.append(try attributePath(item, attribute, preset: preset, place)) }
      return result
    }
    let name = try required(arguments, 0, "filter", "map", place).text
    let rest = Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    var size = 0
    for item in items {
      result.append(try filter(name, item, rest, place))
      size += result.last?.size ?? 0
      try checkSize(size, 0, place)
    }
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

  /// Items in the order of one attribute, or of several with commas between them.
  func sorted(
    _ items: [TemplateValue], by attribute: TemplateValue?, preset: TemplateValue? = nil, ignoresCase: Bool,
    reversed: Bool, splits: Bool = true, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    let paths: [TemplateValue] =
      if splits, let text = attribute?.string { Text.split(text, by: ",").map { .string($0) } } else {
        [attribute ?? .none]
      }
    var keyed: [(key: TemplateValue, index: Int)] = []
    for (index, item) in items.enumerated() {
      var keys: [TemplateValue] = []
      for path in paths {
        let key = try attributePath(item, path, preset: preset, place)
        keys.append(ignoresCase ? Self.folded(key) : key)
      }
      if !splits, case .undefined(let reason) = keys[0], items.count > 1 { throw failure(reason, place) }
      let key = TemplateValue.list(keys)
      if let first = keyed.first, first.key.isLess(than: key) == nil {
        throw failure("sorting what has no order: \(first.key.representation) and \(key.representation)", place)
      }
      keyed.append((key, index))
    }
    keyed.sort { left, right in
      let isLess = reversed ? right.key.isLess(than: left.key) : left.key.isLess(than: right.key)
      let isMore = reversed ? left.key.isLess(than: right.key) : right.key.isLess(than: left.key)
      return isLess ?? false || !(isMore ?? false) && left.index < right.index
    }
    return keyed.map { items[$0.index] }
  }
}

extension [TemplateValue] {
  /// What a path leads to in each of them; themselves without a path.
  fileprivate func attributes(
    _ path: TemplateValue?, _ renderer: TemplateRenderer, _ place: TemplatePlace
  ) throws(TemplateError) -> [TemplateValue] {
    guard let path, !path.isNone else { return self }
    var values: [TemplateValue] = []
    for item in self { values.append(try renderer.attributePath(item, path, place)) }
    return values
  }
}
