extension TemplateParser {
  /// An expression, or several with commas between them, which are a tuple.
  mutating func expressionOrTuple(withCondition: Bool = true) throws(TemplateError) -> TemplateExpression {
    let begin = place
    let first = withCondition ? try expression() : try or()
    guard token == .symbol(",") else { return first }
    var items = [first]
    while take(",") {
      if token == .variableEnd || token == .blockEnd || token == .symbol(")") { break }
      items.append(withCondition ? try expression() : try or())
    }
    return TemplateExpression(form: .tuple(items), place: begin)
  }

  /// `a if b else c`, the loosest of all.
  mutating func expression() throws(TemplateError) -> TemplateExpression {
    try deeper { parser throws(TemplateError) in try parser.conditional() }
  }

  private mutating func conditional() throws(TemplateError) -> TemplateExpression {
    var value = try or()
    var links = 0
    while token == .name("if") {
      try checkChain(&links)
      let begin = place
      advance()
      let test = try or()
      let otherwise = take(word: "else") ? try expression() : nil
      value = TemplateExpression(form: .condition(test, then: value, otherwise: otherwise), place: begin)
    }
    return value
  }

  private mutating func or() throws(TemplateError) -> TemplateExpression {
    var left = try and()
    var links = 0
    while token == .name("or") {
      try checkChain(&links)
      let begin = place
      advance()
      left = TemplateExpression(form: .binary("or", left, try and()), place: begin)
    }
    return left
  }

  private mutating func and() throws(TemplateError) -> TemplateExpression {
    var left = try not()
    var links = 0
    while token == .name("and") {
      try checkChain(&links)
      let begin = place
      advance()
      left = TemplateExpression(form: .binary("and", left, try not()), place: begin)
    }
    return left
  }

  private mutating func not() throws(TemplateError) -> TemplateExpression {
    let begin = place
    if take(word: "not") {
      let value = try deeper { parser throws(TemplateError) in try parser.not() }
      return TemplateExpression(form: .unary("not", value), place: begin)
    }
    return try comparison()
  }

  private mutating func comparison() throws(TemplateError) -> TemplateExpression {
    let begin = place
    let first = try sum()
    var rest: [(String, TemplateExpression)] = []
    while true {
      if case .symbol(let symbol) = token, ["==", "!=", "<", "<=", ">", ">="].contains(symbol) {
        advance()
        rest.append((symbol, try sum()))
      } else if take(word: "in") {
        rest.append(("in", try sum()))
      } else if token == .name("not"), index + 1 < tokens.count, tokens[index + 1].token == .name("in") {
        advance()
        advance()
        rest.append(("not in", try sum()))
      } else {
        break
      }
    }
    return rest.isEmpty ? first : TemplateExpression(form: .comparison(first, rest), place: begin)
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    var left = try concatenation()
    var links = 0
    while case .symbol(let symbol) = token, symbol == "+" || symbol == "-" {
      try checkChain(&links)
      let begin = place
      advance()
      left = TemplateExpression(form: .binary(symbol, left, try concatenation()), place: begin)
    }
    return left
  }

  private mutating func concatenation() throws(TemplateError) -> TemplateExpression {
    var left = try product()
    var links = 0
    while token == .symbol("~") {
      try checkChain(&links)
      let begin = place
      advance()
      left = TemplateExpression(form: .binary("~", left, try product()), place: begin)
    }
    return left
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    var left = try power()
    var links = 0
    while case .symbol(let symbol) = token, ["*", "/", "//", "%"].contains(symbol) {
      try checkChain(&links)
      let begin = place
      advance()
      left = TemplateExpression(form: .binary(symbol, left, try power()), place: begin)
    }
    return left
  }

  private mutating func power() throws(TemplateError) -> TemplateExpression {
    var left = try unary()
    var links = 0
    while token == .symbol("**") {
      try checkChain(&links)
      let begin = place
      advance()
      left = TemplateExpression(form: .binary("**", left, try unary()), place: begin)
    }
    return left
  }

  private mutating func unary(withFilters: Bool = true) throws(TemplateError) -> TemplateExpression {
    let begin = place
    var value: TemplateExpression
    if take("-") {
      let operand = try deeper { parser throws(TemplateError) in try parser.unary(withFilters: false) }
      value = TemplateExpression(form: .unary("-", operand), place: begin)
    } else if take("+") {
      let operand = try deeper { parser throws(TemplateError) in try parser.unary(withFilters: false) }
      value = TemplateExpression(form: .unary("+", operand), place: begin)
    } else {
      value = try primary()
    }
    value = try postfix(value)
    return withFilters ? try filters(value) : value
  }

  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    let begin = place
    func made(_ form: TemplateExpression.Form) -> TemplateExpression { TemplateExpression(form: form, place: begin) }
    switch token {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return made(.literal(.bool(true)))
      case "false", "False": return made(.literal(.bool(false)))
      case "none", "None": return made(.literal(.none))
      default:
        note(name)
        return made(.name(name))
      }
    case .string(var text):
      advance()
      while case .string(let more) = token {
        text += more
        advance()
      }
      return made(.literal(.string(text)))
    case .integer(let value):
      advance()
      return made(.literal(.integer(value)))
    case .float(let value):
      advance()
      return made(.literal(.float(value)))
    case .symbol("("):
      advance()
      if take(")") { return made(.tuple([])) }
      let value = try expressionOrTuple()
      try expect(")")
      return value
    case .symbol("["):
      advance()
      var items: [TemplateExpression] = []
      while !take("]") {
        if !items.isEmpty { try expect(",") }
        if take("]") { break }
        items.append(try expression())
      }
      return made(.list(items))
    case .symbol("{"):
      advance()
      var items: [(TemplateExpression, TemplateExpression)] = []
      while !take("}") {
        if !items.isEmpty { try expect(",") }
        if take("}") { break }
        let key = try expression()
        try expect(":")
        items.append((key, try expression()))
      }
      return made(.dictionary(items))
    default: throw error("expected an expression")
    }
  }

  private mutating func postfix(_ start: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = start
    var links = 0
    while case .symbol(let symbol) = token {
      try checkChain(&links)
      let begin = place
      switch symbol {
      case ".":
        advance()
        if case .integer(let index) = token {
          advance()
          let item = TemplateExpression(form: .literal(.integer(index)), place: begin)
          value = TemplateExpression(form: .item(value, item), place: begin)
        } else {
          value = TemplateExpression(form: .attribute(value, try name()), place: begin)
        }
      case "[":
        advance()
        value = try subscripted(value, begin)
      case "(":
        value = TemplateExpression(form: .call(value, try arguments()), place: begin)
      default: return value
      }
    }
    return value
  }

  private mutating func subscripted(
    _ value: TemplateExpression, _ begin: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    var parts: [TemplateExpression?] = [nil]
    var isSlice = false
    while !take("]") {
      if take(":") {
        isSlice = true
        parts.append(nil)
      } else {
        parts[parts.count - 1] = try expressionOrTuple()
      }
      if parts.count > 3 { throw error("a slice with more than three parts") }
    }
    if isSlice {
      parts += [nil, nil]
      return TemplateExpression(form: .slice(value, parts[0], parts[1], parts[2]), place: begin)
    }
    guard let item = parts[0] else { throw error("an empty subscript") }
    return TemplateExpression(form: .item(value, item), place: begin)
  }

  mutating func arguments() throws(TemplateError) -> TemplateArguments {
    try expect("(")
    var result = TemplateArguments()
    var isFirst = true
    while !take(")") {
      if !isFirst { try expect(",") }
      isFirst = false
      if take(")") { break }
      if take("*") {
        result.starred = try expression()
      } else if take("**") {
        result.doubleStarred = try expression()
      } else if case .name(let name) = token, tokens[index + 1].token == .symbol("=") {
        advance()
        advance()
        result.named.append((name, try expression()))
      } else {
        result.positional.append(try expression())
      }
    }
    return result
  }

  /// `| filter(…)`, `is test`, and calls behind them.
  private mutating func filters(_ start: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = start
    var links = 0
    while true {
      try checkChain(&links)
      let begin = place
      if take("|") {
        let name = try name()
        let arguments = token == .symbol("(") ? try arguments() : TemplateArguments()
        value = TemplateExpression(form: .filter(value, name, arguments), place: begin)
      } else if token == .name("is") {
        advance()
        let isNegated = take(word: "not")
        value = try test(value, isNegated, begin)
      } else if token == .symbol("(") {
        value = try postfix(value)
      } else {
        return value
      }
    }
  }

  private mutating func test(
    _ value: TemplateExpression, _ isNegated: Bool, _ begin: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    let name = try name()
    var arguments = TemplateArguments()
    if token == .symbol("(") {
      arguments = try self.arguments()
    } else if startsTestArgument {
      arguments.positional = [try postfix(try primary())]
    }
    return TemplateExpression(form: .test(value, name, arguments, isNegated: isNegated), place: begin)
  }

  /// A test may take one argument without parentheses: `x is divisibleby 3`.
  private var startsTestArgument: Bool {
    switch token {
    case .name(let name): !["else", "or", "and", "is", "if", "not", "in", "recursive"].contains(name)
    case .string, .integer, .float, .symbol("["), .symbol("{"): true
    default: false
    }
  }
}
