extension TemplateRenderer {
  /// Methods that a value has in templates.
  static func methods(of value: TemplateValue) -> Set<String> {
    switch value {
    case .string: stringMethods
    case .dictionary: ["items", "keys", "values", "get", "copy"]
    case .list: ["index", "count", "copy"]
    default: []
    }
  }

  private static let stringMethods: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower", "title",
    "capitalize", "replace", "find", "rfind", "index", "count", "join", "format", "isdigit", "isnumeric", "isdecimal",
    "isalpha", "isalnum", "isspace", "isupper", "islower", "removeprefix", "removesuffix", "zfill", "partition",
    "rpartition", "swapcase", "ljust", "rjust", "casefold", "center", "isascii",
  ]

  mutating func method(
    _ name: String, of value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch value {
    case .string(let text): return try stringMethod(name, text, arguments, place)
    case .dictionary(let items):
      switch name {
      case "items": return .list(items.map { .list([$0.key, $0.value]) })
      case "keys": return .list(items.map(\.key))
      case "values": return .list(items.map(\.value))
      case "get":
        return value.member(try required(arguments, 0, "key", name, place)) ?? arguments(1, "default") ?? .none
      default: return value
      }
    case .list(let items):
      if name == "copy" { return value }
      let wanted = try required(arguments, 0, "value", name, place)
      if name == "count" { return .integer(items.count { $0.equals(wanted) }) }
      guard let index = items.firstIndex(where: { $0.equals(wanted) }) else {
        throw failure("\(wanted.representation) is not in the list", place)
      }
      return .integer(index)
    case .loop(let loop):
      guard !arguments.positional.isEmpty else { throw failure("'cycle' asks for values", place) }
      return arguments.positional[loop.index % arguments.positional.count]
    default: throw failure("\(value.kind) has no method '\(name)'", place)
    }
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
    func scalars(before offset: Int?) -> TemplateValue {
      .integer(offset.map { String(decoding: Array(text.utf8)[..<$0], as: UTF8.self).unicodeScalars.count } ?? -1)
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
        if name == "rsplit", limit != .max { throw failure("'rsplit' with a count asks for a separator", place) }
        return .list(Text.words(text, most: limit).map { .string($0) })
      }
      guard let separator = separator.string, !separator.isEmpty else { throw failure("an empty separator", place) }
      return .list(
        Text.split(text, by: separator, most: limit, fromEnd: name == "rsplit" && limit != .max).map { .string($0) })
    case "splitlines":
      return .list(Text.lines(text, keepEnds: arguments(0, "keepends")?.isTrue ?? false).map { .string($0) })
    case "startswith", "endswith":
      let wanted = try required(arguments, 0, "prefix", name, place)
      let options: [TemplateValue] = if case .list(let items) = wanted { items } else { [wanted] }
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
      if parts.count == 2 { return .list([.string(parts[0]), .string(separator), .string(parts[1])]) }
      let missing = [TemplateValue.string(""), .string("")]
      return .list(name == "partition" ? [.string(text)] + missing : missing + [.string(text)])
    case "replace":
      let most = arguments(2, "count")?.integer ?? -1
      return .string(Text.replace(text, try argument(0, "old"), try argument(1, "new"), most: most < 0 ? .max : most))
    case "find", "rfind": return scalars(before: Text.find(try argument(0, "sub"), in: text, last: name == "rfind"))
    case "index":
      guard let offset = Text.find(try argument(0, "sub"), in: text) else {
        throw failure("the substring is not there", place)
      }
      return scalars(before: offset)
    case "count":
      let part = try argument(0, "sub")
      return .integer(
        part.isEmpty ? text.unicodeScalars.count + 1 : Text.split(text, by: part).count - 1)
    case "join":
      let items = try elements(of: try required(arguments, 0, "iterable", name, place), place)
      return .string(items.map(\.text).joined(separator: text))
    case "format": return .string(try format(text, arguments, place))
    case "center":
      return .string(
        Text.center(
          text, try required(arguments, 0, "width", name, place).integer ?? 0, arguments(1, "fillchar")?.string ?? " "))
    case "isascii": return .bool(text.utf8.allSatisfy { $0 < 0x80 })
    case "zfill", "ljust", "rjust":
      let width = try required(arguments, 0, "width", name, place).integer ?? 0
      let fill = name == "zfill" ? "0" : arguments(1, "fillchar")?.string ?? " "
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

  /// `str.format` with `{}`, `{0}` and `{name}`.
  private func format(
    _ text: String, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    var result = String.UnicodeScalarView()
    var scalars = text.unicodeScalars[...]
    var next = 0
    while let scalar = scalars.popFirst() {
      if scalar == "{" || scalar == "}", scalars.first == scalar {
        scalars.removeFirst()
        result.append(scalar)
      } else if scalar == "{" {
        let field = String(scalars.prefix { $0 != "}" })
        scalars = scalars.dropFirst(field.unicodeScalars.count + 1)
        let index = field.isEmpty ? next : Int(field) ?? -1
        if field.isEmpty { next += 1 }
        let value = index >= 0 ? arguments(index, "") : arguments(.max, field)
        guard let value else { throw failure("a format field '{\(field)}' without a value", place) }
        result.append(contentsOf: value.text.unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  /// `'…%s…' % value` with `%s`, `%d`, `%r` and `%%`.
  func percent(_ text: String, _ value: TemplateValue, _ place: TemplatePlace) throws(TemplateError) -> String {
    var values: [TemplateValue] = if case .list(let items) = value { items } else { [value] }
    var result = String.UnicodeScalarView()
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        result.append(scalar)
        continue
      }
      guard let kind = scalars.popFirst() else { throw failure("a lone '%' in a format", place) }
      if kind == "%" {
        result.append("%")
        continue
      }
      guard !values.isEmpty else { throw failure("a format with more fields than values", place) }
      let value = values.removeFirst()
      switch kind {
      case "s": result.append(contentsOf: value.text.unicodeScalars)
      case "r": result.append(contentsOf: value.representation.unicodeScalars)
      case "d", "i":
        guard let number = value.number else { throw failure("'%d' asks for a number", place) }
        result.append(contentsOf: String(Int(number)).unicodeScalars)
      default: throw failure("a format '%\(kind)' that is not supported", place)
      }
    }
    if case .dictionary = value {
    } else if !values.isEmpty {
      throw failure("a format with more values than fields", place)
    }
    return String(result)
  }
}
