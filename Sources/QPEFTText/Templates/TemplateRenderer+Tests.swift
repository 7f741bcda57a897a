extension TemplateRenderer {
  /// The tests of Jinja 3.1.
  static let tests: Set<String> = [
    "!=", "<", "<=", "==", ">", ">=", "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "escaped",
    "even",
    "false", "filter", "float", "ge", "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt",
    "mapping", "ne", "none", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
  ]

  mutating func test(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> Bool {
    func other() throws(TemplateError) -> TemplateValue { try required(arguments, 0, "value", name, place) }
    /// What is left of it divided by a number.
    func remainder(_ divisor: TemplateValue) throws(TemplateError) -> Double {
      if case .undefined(let reason) = value { throw failure(reason, place) }
      guard let number = value.number, let divisor = divisor.number else {
        throw failure("'\(name)' of \(value.kind)", place)
      }
      if divisor == 0 { throw failure("division by zero", place) }
      return number - divisor * (number / divisor).rounded(.down)
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
    case "sequence":
      switch value {
      case .view(let view): return view.isIndexed
      case .list, .tuple, .string, .markup, .dictionary, .undefined: return true
      default: return false
      }
    case "iterable":
      switch value {
      case .list, .tuple, .view, .generator, .string, .markup, .dictionary, .undefined, .loop: return true
      default: return false
      }
    case "callable":
      switch value {
      case .macro, .function, .method, .joiner, .loop, .undefined: return true
      default: return false
      }
    case "escaped": if case .markup = value { return true } else { return false }
    case "filter": return value.string.map(Self.filters.contains) ?? false
    case "test": return value.string.map(Self.tests.contains) ?? false
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
    case "odd": return try remainder(.integer(2)) == 1
    case "even": return try remainder(.integer(2)) == 0
    case "divisibleby": return try remainder(try other()) == 0
    case "lower": return Text.isLower(value.text)
    case "upper": return Text.isUpper(value.text)
    default: throw failure("a test '\(name)' that is not known here", place)
    }
  }
}
