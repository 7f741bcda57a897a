extension TemplateRenderer {
  /// `str.format`: fields `{}`, `{0}` and `{name}` with `.attribute`, `[item]`, `!r` and a format specification.
  mutating func format(
    _ text: String, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    var next = 0
    return try format(text, arguments, &next, nesting: 0, place)
  }

  private mutating func format(
    _ text: String, _ arguments: Arguments, _ next: inout Int, nesting: Int, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    var result = String.UnicodeScalarView()
    var size = 0
    var scalars = Array(text.unicodeScalars)[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "{" || scalar == "}" else {
        result.append(scalar)
        continue
      }
      if scalars.first == scalar {
        scalars.removeFirst()
        result.append(scalar)
        continue
      }
      guard scalar == "{" else { throw failure("a lone '}' in a format", place) }
      var field = String.UnicodeScalarView()
      var depth = 1
      while depth > 0 {
        guard let scalar = scalars.popFirst() else { throw failure("a lone '{' in a format", place) }
        depth += scalar == "{" ? 1 : scalar == "}" ? -1 : 0
        if depth > 0 { field.append(scalar) }
      }
      guard nesting < 2 else { throw failure("a format inside of a format inside of a format", place) }
      let value = try formatted(String(field), arguments, &next, nesting, place)
      size += value.utf8.count
      try checkSize(size, scalars.count, place)
      result.append(contentsOf: value.unicodeScalars)
    }
    return String(result)
  }

  private mutating func formatted(
    _ field: String, _ arguments: Arguments, _ next: inout Int, _ nesting: Int, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    var parts = Text.split(field, by: ":", most: 1)
    var conversion: String?
    if case let pieces = Text.split(parts[0], by: "!", most: 1), pieces.count == 2 {
      (parts[0], conversion) = (pieces[0], pieces[1])
    }
    var value = try fieldValue(parts[0], arguments, &next, place)
    switch conversion {
    case nil: break
    case "s": value = .string(value.text)
    case "r": value = .string(value.representation)
    default: throw failure("a conversion '!\(conversion ?? "")' that is not supported", place)
    }
    guard parts.count == 2, !parts[1].isEmpty else { return value.text }
    let specification = try format(parts[1], arguments, &next, nesting: nesting + 1, place)
    if specification.isEmpty { return value.text }
    guard let form = TemplateFormat(specification), let text = form.text(of: value) else {
      throw failure("a format '\(specification)' that is not one of \(value.kind)", place)
    }
    return text
  }

  /// `name.attribute[item]`, or nothing for the next argument.
  private mutating func fieldValue(
    _ field: String, _ arguments: Arguments, _ next: inout Int, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    var rest = Array(field.unicodeScalars)[...]
    func take(while test: (Unicode.Scalar) -> Bool) -> String {
      let part = rest.prefix(while: test)
      rest = rest.dropFirst(part.count)
      return String(String.UnicodeScalarView(part))
    }
    let name = take { $0 != "." && $0 != "[" }
    let index = name.isEmpty ? next : Int(name)
    if name.isEmpty { next += 1 }
    guard var value = index.map({ $0 >= 0 ? arguments($0, "") : nil }) ?? arguments(.max, name) else {
      throw failure("a format field '{\(field)}' without a value", place)
    }
    while let sign = rest.popFirst() {
      let key = take { sign == "[" ? $0 != "]" : $0 != "." && $0 != "[" }
      if sign == "[", rest.popFirst() == nil { throw failure("a format field '{\(field)}' without an end", place) }
      let member: TemplateValue =
        sign == "["
        ? try self.member(value, Int(key).map { .integer($0) } ?? .string(key), place)
        : try attribute(value, key, place)
      if case .undefined(let reason) = member { throw failure(reason, place) }
      value = member
    }
    return value
  }

  /// `'…%5.1f…' % values`: fields with names, flags, width and precision.
  mutating func percent(
    _ text: String, _ value: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    var values: ArraySlice<TemplateValue> = if case .tuple(let items) = value { items[...] } else { [value] }
    var isNamed = false
    var result = String.UnicodeScalarView()
    var size = 0
    var rest = Array(text.unicodeScalars)[...]
    func nextValue(_ values: inout ArraySlice<TemplateValue>) throws(TemplateError) -> TemplateValue {
      guard let value = values.popFirst() else { throw failure("a format with more fields than values", place) }
      return value
    }
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.append(scalar)
        continue
      }
      var named: TemplateValue?
      if rest.first == "(" {
        let key = String(String.UnicodeScalarView(rest.dropFirst().prefix { $0 != ")" }))
        rest = rest.dropFirst(key.unicodeScalars.count + 2)
        guard let member = value.member(.string(key)) else { throw failure("a format without '\(key)'", place) }
        (named, isNamed) = (member, true)
      }
      var form = TemplateFormat()
      form.alignment = ">"
      while let flag = rest.first, "-+ 0#".unicodeScalars.contains(flag) {
        rest.removeFirst()
        switch flag {
        case "-": form.alignment = "<"
        case "0": if form.alignment != "<" { (form.fill, form.alignment) = ("0", "=") }
        case "#": form.isAlternate = true
        default: if form.sign != "+" { form.sign = flag }
        }
      }
      if form.alignment == "<" { form.fill = " " }
      if rest.first == "*" {
        rest.removeFirst()
        guard let width = try nextValue(&values).integer else { throw failure("a width that is no number", place) }
        form.width = min(width, 1 << 16)
      } else {
        guard let width = TemplateFormat.number(&rest) else { throw failure("a width out of bounds", place) }
        form.width = width ?? 0
      }
      if rest.first == "." {
        rest.removeFirst()
        guard let precision = TemplateFormat.number(&rest) else { throw failure("a precision out of bounds", place) }
        form.precision = precision ?? 0
      }
      while let length = rest.first, "hlL".unicodeScalars.contains(length) { rest.removeFirst() }
      guard let kind = rest.popFirst() else { throw failure("a lone '%' in a format", place) }
      if kind == "%" {
        result.append("%")
        continue
      }
      let field = if let named { named } else { try nextValue(&values) }
      let part = try percentField(kind, form, field, place)
      size += part.utf8.count
      try checkSize(size, rest.count, place)
      result.append(contentsOf: part.unicodeScalars)
    }
    // Python lets what has members go unused.
    let isLoose: Bool =
      switch value {
      case .dictionary, .list, .view: true
      default: isNamed
      }
    if !values.isEmpty, !isLoose { throw failure("a format with more values than fields", place) }
    return String(result)
  }

  private func percentField(
    _ kind: Unicode.Scalar, _ given: TemplateFormat, _ value: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> String {
    var form = given
    var value = value
    switch kind {
    case "s", "r", "a":
      value = .string(kind == "s" ? value.text : value.representation)
      form.type = "s"
      form.sign = "-"
      if form.alignment == "=" { (form.alignment, form.fill) = (">", " ") }
    case "d", "i", "u", "x", "X", "o":
      let isWhole = kind == "d" || kind == "i" || kind == "u"
      guard let number = value.number, isWhole || value.integer != nil, abs(number) < 9.2e18 else {
        throw failure("'%\(kind)' asks for a number, not \(value.kind)", place)
      }
      let whole = value.integer ?? Int(number)
      form.type = isWhole ? "d" : kind
      if let digits = form.precision {
        // A precision is the least number of digits.
        let text = String(repeating: "0", count: max(0, digits - String(whole.magnitude).utf8.count))
        form.precision = nil
        form.type = "s"
        let sign = whole < 0 ? "-" : form.sign == "-" ? "" : String(Character(form.sign))
        form.sign = "-"
        if !isWhole { throw failure("'%\(kind)' with a precision is not supported", place) }
        value = .string(sign + text + String(whole.magnitude))
      } else {
        value = .integer(whole)
      }
    case "e", "E", "f", "F", "g", "G":
      guard let number = value.number else { throw failure("'%\(kind)' asks for a number, not \(value.kind)", place) }
      value = .float(number)
      form.type = kind
    case "c":
      if let text = value.string, text.unicodeScalars.count == 1 { form.type = "s" } else { form.type = "c" }
    default: throw failure("a format '%\(kind)' that is not supported", place)
    }
    guard let text = form.text(of: value) else { throw failure("'%\(kind)' of \(value.kind)", place) }
    return text
  }
}
