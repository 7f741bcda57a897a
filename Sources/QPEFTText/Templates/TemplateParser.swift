/// Reads the statements of a template.
struct TemplateParser {
  var tokens: [(token: TemplateToken, place: TemplatePlace)]
  var index = 0
  private var depth = 0
  /// Which of the names that only mean something inside of a macro were read so far.
  private var implicitNames: Set<String> = []
  /// Deeper nesting, which no template needs, would run out of stack.
  private static let deepest = 60

  init(_ source: String) throws(TemplateError) {
    var lexer = TemplateLexer(source)
    tokens = try lexer.run()
  }

  var token: TemplateToken { tokens[index].token }
  var place: TemplatePlace { tokens[index].place }

  func error(_ reason: String) -> TemplateError { TemplateError(.syntax, reason, place) }

  mutating func advance() { if index < tokens.count - 1 { index += 1 } }

  mutating func take(_ symbol: String) -> Bool {
    guard token == .symbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func take(word: String) -> Bool {
    guard token == .name(word) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: String) throws(TemplateError) {
    guard take(symbol) else { throw error("expected '\(symbol)'") }
  }

  mutating func expect(word: String) throws(TemplateError) {
    guard take(word: word) else { throw error("expected '\(word)'") }
  }

  mutating func name() throws(TemplateError) -> String {
    guard case .name(let name) = token else { throw error("expected a name") }
    advance()
    return name
  }

  /// A name that stands for its value.
  mutating func note(_ name: String) {
    if ["varargs", "kwargs", "caller"].contains(name) { implicitNames.insert(name) }
  }

  private mutating func endBlock() throws(TemplateError) {
    guard token == .blockEnd else { throw error("expected '%}'") }
    advance()
  }

  /// Runs a part of the parser one level deeper.
  mutating func deeper<Result>(
    _ body: (inout TemplateParser) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepest { throw error("more than \(Self.deepest) levels") }
    return try body(&self)
  }

  /// Counts the links of a chain such as `a + b + …`, which nest as deep as they are many.
  func checkChain(_ count: inout Int) throws(TemplateError) {
    count += 1
    if count > 200 { throw error("more than 200 operations in a row") }
  }

  mutating func template() throws(TemplateError) -> [TemplateNode] {
    let (nodes, _) = try body(until: [])
    return nodes
  }

  /// Nodes up to a block that starts with one of the words, which is read past its word.
  private mutating func body(until ends: [String]) throws(TemplateError) -> ([TemplateNode], String) {
    let opening = place
    var nodes: [TemplateNode] = []
    while true {
      switch token {
      case .text(let text):
        nodes.append(.text(text, place))
        advance()
      case .variableStart:
        advance()
        let value = try expressionOrTuple()
        guard token == .variableEnd else { throw error("expected '}}'") }
        advance()
        nodes.append(.output(value))
      case .blockStart:
        advance()
        guard case .name(let word) = token else { throw error("expected a statement") }
        if ends.contains(word) {
          advance()
          return (nodes, word)
        }
        nodes.append(contentsOf: try deeper { parser throws(TemplateError) in try parser.statement(word) })
      case .end:
        if ends.isEmpty { return (nodes, "") }
        throw TemplateError(.syntax, "expected '\(ends.last ?? "")' before the end of the template", opening)
      default: throw error("unexpected token")
      }
    }
  }

  private mutating func block(_ end: String) throws(TemplateError) -> [TemplateNode] {
    try endBlock()
    let (nodes, _) = try body(until: [end])
    if end == "endmacro" || end == "endblock", case .name = token { advance() }
    try endBlock()
    return nodes
  }

  private mutating func statement(_ word: String) throws(TemplateError) -> [TemplateNode] {
    let begin = place
    advance()
    switch word {
    case "if": return [try condition()]
    case "for": return [try loop()]
    case "set": return [try set(begin)]
    case "macro":
      let name = try name()
      return [.macro(try macro(name, parameters: try parameters(), end: "endmacro"))]
    case "call":
      let parameters = token == .symbol("(") ? try parameters() : []
      let call = try expression()
      guard case .call = call.form else { throw error("expected a call") }
      return [.call(call, try macro("caller", parameters: parameters, end: "endcall"))]
    case "filter":
      var filters = [try filterCall()]
      while take("|") { filters.append(try filterCall()) }
      return [.filterBlock(filters, try block("endfilter"), begin)]
    case "with":
      var values: [(TemplateTarget, TemplateExpression)] = []
      while token != .blockEnd {
        if !values.isEmpty { try expect(",") }
        let target = try target()
        try expect("=")
        values.append((target, try expression()))
      }
      return [.with(values, try block("endwith"), begin)]
    case "block":
      _ = try name()
      for option in ["scoped", "required"] where token == .name(option) { advance() }
      return [.block(try block("endblock"))]
    case "print":
      var nodes = [TemplateNode.output(try expression())]
      while take(",") { nodes.append(.output(try expression())) }
      try endBlock()
      return nodes
    case "autoescape":
      guard take(word: "false") || take(word: "False") else { throw error("only 'autoescape false' is known here") }
      return [.with([], try block("endautoescape"), begin)]
    case "include", "import", "from", "extends":
      index -= 1
      throw error("'\(word)' reads other templates, which a chat template has not")
    case "generation": return [.generation(try block("endgeneration"))]
    case "break", "continue":
      try endBlock()
      return [word == "break" ? .leave : .next]
    default:
      index -= 1
      throw error("a statement '\(word)' that is not known here")
    }
  }

  private mutating func condition() throws(TemplateError) -> TemplateNode {
    var branches: [(TemplateExpression, [TemplateNode])] = []
    var test = try expressionOrTuple()
    while true {
      try endBlock()
      let (nodes, end) = try body(until: ["elif", "else", "endif"])
      branches.append((test, nodes))
      if end == "elif" {
        test = try expressionOrTuple()
        continue
      }
      var otherwise: [TemplateNode] = []
      if end == "else" {
        try endBlock()
        otherwise = try body(until: ["endif"]).0
      }
      try endBlock()
      return .condition(branches, otherwise: otherwise)
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateNode {
    let target = try target()
    try expect(word: "in")
    let values = try expressionOrTuple(withCondition: false)
    let filter = take(word: "if") ? try expression() : nil
    let isRecursive = take(word: "recursive")
    try endBlock()
    let (nodes, end) = try body(until: ["else", "endfor"])
    var otherwise: [TemplateNode] = []
    if end == "else" {
      try endBlock()
      otherwise = try body(until: ["endfor"]).0
    }
    try endBlock()
    return .loop(
      TemplateFor(
        target: target, values: values, filter: filter, body: nodes, otherwise: otherwise, isRecursive: isRecursive))
  }

  private mutating func macro(
    _ name: String, parameters: [(name: String, preset: TemplateExpression?)], end: String
  ) throws(TemplateError) -> TemplateMacro {
    let outer = implicitNames
    implicitNames = []
    defer { implicitNames.formUnion(outer) }
    let body = try block(end)
    return TemplateMacro(name: name, parameters: parameters, body: body, implicit: implicitNames)
  }

  private mutating func set(_ begin: TemplatePlace) throws(TemplateError) -> TemplateNode {
    let target = try target()
    if take("=") {
      let value = try expressionOrTuple()
      try endBlock()
      return .set(target, value, begin)
    }
    var filters: [(String, TemplateArguments)] = []
    while take("|") { filters.append(try filterCall()) }
    return .setBlock(target, filters, try block("endset"), begin)
  }

  private mutating func filterCall() throws(TemplateError) -> (String, TemplateArguments) {
    let name = try name()
    return (name, token == .symbol("(") ? try arguments() : TemplateArguments())
  }

  /// `a`, `ns.a`, `a, b` or `(a, b)`.
  private mutating func target() throws(TemplateError) -> TemplateTarget {
    var parts: [TemplateTarget] = []
    var isTuple = false
    repeat {
      if case .name("in") = token { break }
      if token == .symbol("=") || token == .blockEnd { break }
      if take("(") {
        parts.append(try target())
        try expect(")")
        isTuple = isTuple || parts.count == 1 && token != .symbol(",")
      } else {
        let first = try name()
        parts.append(take(".") ? .attribute(first, try name()) : .name(first))
      }
      if token == .symbol(",") { isTuple = true }
    } while take(",")
    guard let first = parts.first else { throw error("expected a name") }
    if parts.count == 1, case .names = first { return first }
    return isTuple ? .names(parts) : first
  }

  private mutating func parameters() throws(TemplateError) -> [(name: String, preset: TemplateExpression?)] {
    try expect("(")
    var parameters: [(name: String, preset: TemplateExpression?)] = []
    while !take(")") {
      if !parameters.isEmpty { try expect(",") }
      let name = try name()
      parameters.append((name, take("=") ? try expression() : nil))
    }
    return parameters
  }
}
