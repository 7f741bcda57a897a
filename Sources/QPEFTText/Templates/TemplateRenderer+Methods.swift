extension TemplateRenderer {
  /// Methods that a value has in templates; those that would change it are forbidden there.
  static func methods(of value: TemplateValue) -> Set<String> {
    switch value {
    case .string, .markup: stringMethods
    case .dictionary: ["items", "keys", "values", "get", "copy"]
    case .list: ["index", "count", "copy"]
    case .tuple: ["index", "count"]
    case .view(let view): view.isIndexed ? ["index", "count"] : []
    case .cycler: ["next", "reset"]
    case .function("dict"): ["fromkeys"]
    default: []
    }
  }

  private static let stringMethods: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower", "title",
    "capitalize", "replace", "find", "rfind", "index", "rindex", "count", "join", "format", "format_map", "isdigit",
    "isnumeric", "isdecimal", "isalpha", "isalnum", "isspace", "isupper", "islower", "istitle", "isidentifier",
    "isprintable", "removeprefix", "removesuffix", "zfill", "partition", "rpartition", "swapcase", "ljust", "rjust",
    "casefold", "center", "isascii", "expandtabs",
  ]

  /// Methods whose text stays marked safe, and of these the ones that escape what they are given.
  private static let safeMethods: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "upper", "lower", "title", "capitalize", "replace",
    "join", "format", "format_map", "removeprefix", "removesuffix", "zfill", "partition", "rpartition", "swapcase",
    "ljust", "rjust", "casefold", "center", "expandtabs",
  ]
  private static let escapingMethods: Set<String> = ["replace", "join", "format", "ljust", "rjust", "center"]

  mutating func method(
    _ name: String, of value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch value {
    case .string(let text): return try stringMethod(name, text, arguments, place)
    case .markup(let text):
      var given = arguments
      if Self.escapingMethods.contains(name) {
        given.positional = given.positional.map {
          if case .list(let items) = $0 { .list(items.map(\.escapedIfText)) } else { $0.escapedIfText }
        }
        given.named = given.named.map { ($0.name, $0.value.escapedIfText) }
      }
      let result = try stringMethod(name, text, given, place)
      return Self.safeMethods.contains(name) ? result.markedSafe : result
    case .dictionary(let items):
      func view(_ form: TemplateView.Form, _ items: [TemplateValue]) -> TemplateValue {
        .view(TemplateView(form: form, items: items))
      }
      switch name {
      case "items": return view(.items, items.map { .tuple([$0.key, $0.value]) })
      case "keys": return view(.keys, items.map(\.key))
      case "values": return view(.values, items.map(\.value))
      case "get":
        return value.member(try required(arguments, 0, "key", name, place)) ?? arguments(1, "default") ?? .none
      default: return value
      }
    case .list, .tuple, .view:
      if name == "copy" { return value }
      let items = value.items ?? []
      let wanted = try required(arguments, 0, "value", name, place)
      if name == "count" { return .integer(items.count { $0.equals(wanted) }) }
      let bounds = try bounds(arguments, from: 1, count: items.count, name, place)
      guard let index = items[bounds].firstIndex(where: { $0.equals(wanted) }) else {
        throw failure("\(wanted.representation) is not in \(value.kind)", place)
      }
      return .integer(index)
    case .cycler(let index):
      defer {
        cyclers[index].position = name == "next" ? (cyclers[index].position + 1) % cyclers[index].items.count : 0
      }
      return name == "next" ? cyclers[index].items[cyclers[index].position] : .none
    case .loop(let loop):
      if name == "changed" {
        defer { loopMemory[loop.id] = arguments.positional }
        return .bool(!(loopMemory[loop.id].map { TemplateValue.list($0).equals(.list(arguments.positional)) } ?? false))
      }
      guard !arguments.positional.isEmpty else { throw failure("'cycle' asks for values", place) }
      return arguments.positional[loop.index % arguments.positional.count]
    case .function:
      var members: [(key: TemplateValue, value: TemplateValue)] = []
      for key in try elements(of: try required(arguments, 0, "iterable", name, place), place) {
        Self.set(key, to: arguments(1, "value") ?? .none, in: &members)
      }
      return .dictionary(members)
    default: throw failure("\(value.kind) has no method '\(name)'", place)
    }
  }

  /// `start` and `stop` of a search, which count from the end where they are negative.
  private func bounds(
    _ arguments: Arguments, from index: Int, count: Int, _ name: String, _ place: TemplatePlace
  ) throws(TemplateError) -> Range<Int> {
    var ends = [0, count]
    for offset in 0...1 {
      guard let given = arguments(index + offset, ""), !given.isNone else { continue }
      guard let number = given.integer else { throw failure("'\(name)' between what is no number", place) }
      ends[offset] = min(max(number < 0 ? number + count : number, 0), count)
    }
    return ends[0]..<max(ends[0], ends[1])
  }

  func required(
    _ arguments: Arguments, _ index: Int, _ name: String, _ function: String, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    guard let value = arguments(index, name) else { throw failure("'\(function)' asks for '\(name)'", place) }
    return value
  }

  private func requiredText(
    _ arguments: Arguments, _ index: Int, _ name: String, _ function: String, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    let value = try required(arguments, index, name, function, place)
    guard let text = value.string else { throw failure("'\(function)' asks for a string, not \(value.kind)", place) }
    return text
  }

  private mutating func stringMethod(
    _ name: String, _ text: String, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    func argument(_ index: Int, _ label: String) throws(TemplateError) -> String {
      try requiredText(arguments, index, label, name, place)
    }
    /// What is searched, and how many scalars stand before it; nil where Python finds nothing, not even an empty text.
    func searched() throws(TemplateError) -> (text: String, before: Int)? {
      if arguments.positional.count < 2 { return (text, 0) }
      let scalars = Array(text.unicodeScalars)
      if let start = arguments(1, "")?.integer, start > scalars.count { return nil }
      let range = try bounds(arguments, from: 1, count: scalars.count, name, place)
      return (String(String.UnicodeScalarView(scalars[range])), range.lowerBound)
    }
    func position(last: Bool) throws(TemplateError) -> Int? {
      let part = try argument(0, "sub")
      guard let (text, before) = try searched(), let offset = Text.find(part, in: text, last: last) else { return nil }
      return before + String(decoding: Array(text.utf8)[..<offset], as: UTF8.self).unicodeScalars.count
    }
    switch name {
    case "strip", "lstrip", "rstrip":
      return .string(
        Text.strip(text, arguments(0, "chars")?.string, left: name != "rstrip", right: name != "lstrip"))
    case "upper": return .string(text.uppercased())
    case "lower", "casefold": return .string(text.lowercased())
    case "title": return .string(Text.title(text))
    case "capitalize": return .string(Text.capitalize(text))
    case "swapcase":
      return .string(
        text.unicodeScalars.map {
          $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping
        }.joined())
    case "split", "rsplit":
      let most = arguments(1, "maxsplit")?.integer ?? -1
      let limit = most < 0 ? Int.max : most
      guard let separator = arguments(0, "sep"), !separator.isNone else {
        return try parts(Text.words(text, most: limit, fromEnd: name == "rsplit"), place)
      }
      guard let separator = separator.string, !separator.isEmpty else { throw failure("an empty separator", place) }
      return try parts(
        Text.split(text, by: separator, most: limit, fromEnd: name == "rsplit" && limit != .max), place)
    case "splitlines":
      return try parts(Text.lines(text, keepEnds: arguments(0, "keepends")?.isTrue ?? false), place)
    case "startswith", "endswith":
      let wanted = try required(arguments, 0, "prefix", name, place)
      let options: [TemplateValue] = if case .tuple(let items) = wanted { items } else { [wanted] }
      guard let (text, _) = try searched() else { return .bool(false) }
      for option in options {
        guard let affix = option.string else { throw failure("'\(name)' asks for a string", place) }
        let isThere =
          name == "startswith"
          ? text.utf8.starts(with: affix.utf8) : text.utf8.reversed().starts(with: affix.utf8.reversed())
        if isThere { return .bool(true) }
      }
      return .bool(false)
    case "removeprefix", "removesuffix":
      let affix = try argument(0, "prefix")
      let bytes = Array(text.utf8)
      if name == "removeprefix", bytes.starts(with: affix.utf8) {
        return .string(String(decoding: bytes[affix.utf8.count...], as: UTF8.self))
      }
      if name == "removesuffix", bytes.reversed().starts(with: affix.utf8.reversed()) {
        return .string(String(decoding: bytes[..<(bytes.count - affix.utf8.count)], as: UTF8.self))
      }
      return .string(text)
    case "partition", "rpartition":
      let separator = try argument(0, "sep")
      let parts = Text.split(text, by: separator, most: 1, fromEnd: name == "rpartition")
      if separator.isEmpty { throw failure("an empty separator", place) }
      if parts.count == 2 { return .tuple([.string(parts[0]), .string(separator), .string(parts[1])]) }
      let missing = [TemplateValue.string(""), .string("")]
      return .tuple(name == "partition" ? [.string(text)] + missing : missing + [.string(text)])
    case "replace":
      let count = arguments(2, "count")?.integer ?? -1
      return .string(try replaced(text, try argument(0, "old"), try argument(1, "new"), count: count, place))
    case "find", "rfind": return .integer(try position(last: name == "rfind") ?? -1)
    case "index", "rindex":
      guard let found = try position(last: name == "rindex") else { throw failure("the substring is not there", place) }
      return .integer(found)
    case "count":
      let part = try argument(0, "sub")
      guard let (text, _) = try searched() else { return .integer(0) }
      return .integer(part.isEmpty ? text.unicodeScalars.count + 1 : Text.split(text, by: part).count - 1)
    case "join":
      let items = try elements(of: try required(arguments, 0, "iterable", name, place), place)
      guard items.allSatisfy({ $0.string != nil }) else { throw failure("'join' asks for strings", place) }
      return .string(try joined(items, by: text, place))
    case "format": return .string(try format(text, arguments, place))
    case "format_map":
      guard case .dictionary(let items) = try required(arguments, 0, "mapping", name, place) else {
        throw failure("'format_map' asks for a dictionary", place)
      }
      return .string(try format(text, Arguments(named: items.map { ($0.key.text, $0.value) }), place))
    case "expandtabs":
      let width = arguments(0, "tabsize")?.integer ?? 8
      guard width <= 255 else { throw failure("a tab of more than 255", place) }
      try checkSize(text.utf8.count, width * text.utf8.count { $0 == UInt8(ascii: "\t") }, place)
      return .string(Text.withTabs(text, every: width))
    case "istitle": return .bool(Text.isTitle(text))
    case "isprintable": return .bool(text.unicodeScalars.allSatisfy(TemplateValue.isPrintable))
    case "isidentifier":
      let isName = Text.all(text) { $0 == "_" || $0.properties.isXIDContinue }
      return .bool(isName && text.unicodeScalars.first.map { $0 == "_" || $0.properties.isXIDStart } ?? false)
    case "center":
      let width = try required(arguments, 0, "width", name, place).integer ?? 0
      return .string(Text.center(text, width, try filler(arguments(1, "fillchar"), place)))
    case "isascii": return .bool(text.utf8.allSatisfy { $0 < 0x80 })
    case "zfill", "ljust", "rjust":
      let width = try required(arguments, 0, "width", name, place).integer ?? 0
      let fill = name == "zfill" ? "0" : try filler(arguments(1, "fillchar"), place)
      let padding = String(repeating: fill, count: max(0, min(width, 1 << 20) - text.unicodeScalars.count))
      if name == "ljust" { return .string(text + padding) }
      if name == "zfill", text.hasPrefix("-") || text.hasPrefix("+") {
        return .string(text.prefix(1) + padding + text.dropFirst())
      }
      return .string(padding + text)
    case "isupper": return .bool(Text.isUpper(text))
    case "islower": return .bool(Text.isLower(text))
    default: return .bool(Text.all(text) { Self.passes(name, $0) })
    }
  }

  static func passes(_ test: String, _ scalar: Unicode.Scalar) -> Bool {
    let category = ScalarClass.shared.mask(of: scalar.value)
    let letters = ScalarClass.letters
    switch test {
    case "isspace": return scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    case "isalpha": return category & letters != 0
    case "isdecimal": return category & ScalarClass.mask(.nd) != 0
    case "isalnum": return category & letters != 0 || scalar.properties.numericType != nil
    case "isdigit": return scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
    default: return scalar.properties.numericType != nil
    }
  }
}
