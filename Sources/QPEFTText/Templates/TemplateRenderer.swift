/// Runs a parsed template.
struct TemplateRenderer {
  enum Flow { case on, leave, next }

  private var scopes: [[String: TemplateValue]]
  var namespaces: [[(key: TemplateValue, value: TemplateValue)]] = []
  /// Macros as defined: how many scopes they see from outside; for the body of a `call` block, those scopes themselves.
  private var macros: [(macro: TemplateMacro, depth: Int, scopes: [[String: TemplateValue]]?)] = []
  private var output = ""
  /// UTF-8 offsets of the output of `{% generation %}` blocks.
  private(set) var generations: [Range<Int>] = []
  private var isMainOutput = true
  private var steps = 0
  private var callDepth = 0
  let clock: @Sendable (String) -> String
  /// Loops and calls of one rendering; a template that needs more does not end.
  private static let mostSteps = 1_000_000
  private static let deepestCall = 40

  init(globals: [String: TemplateValue], clock: @escaping @Sendable (String) -> String) {
    scopes = [globals, [:]]
    self.clock = clock
  }

  mutating func render(_ nodes: [TemplateNode]) throws(TemplateError) -> String {
    _ = try run(nodes)
    return output
  }

  // MARK: Statements

  private mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) -> Flow {
    for node in nodes {
      let flow = try run(node)
      if flow != .on { return flow }
    }
    return .on
  }

  private mutating func run(_ node: TemplateNode) throws(TemplateError) -> Flow {
    switch node {
    case .text(let text): output += text
    case .output(let expression): output += try evaluate(expression).text
    case .condition(let branches, let otherwise):
      for (test, nodes) in branches {
        if try evaluate(test).isTrue { return try run(nodes) }
      }
      return try run(otherwise)
    case .loop(let target, let values, let filter, let nodes, let otherwise):
      return try loop(target, values, filter, nodes, otherwise)
    case .set(let target, let expression, let place): try assign(try evaluate(expression), to: target, place)
    case .setBlock(let target, let filters, let nodes, let place):
      let text = try captured(nodes)
      try assign(try apply(filters, to: .string(text), place), to: target, place)
    case .macro(let macro):
      macros.append((macro, scopes.count, nil))
      scopes[scopes.count - 1][macro.name] = .macro(macros.count - 1)
    case .call(let call, let caller):
      macros.append((caller, scopes.count, scopes))
      let value = TemplateValue.macro(macros.count - 1)
      output += try evaluateCall(call, caller: value).text
    case .filterBlock(let filters, let nodes, let place):
      let text = try captured(nodes)
      output += try apply(filters, to: .string(text), place).text
    case .with(let values, let nodes, let place):
      scopes.append([:])
      defer { scopes.removeLast() }
      for (target, value) in values { try assign(try evaluate(value), to: target, place) }
      return try run(nodes)
    case .generation(let nodes):
      let start = output.utf8.count
      let flow = try run(nodes)
      if isMainOutput { generations.append(start..<output.utf8.count) }
      return flow
    case .leave: return .leave
    case .next: return .next
    }
    return .on
  }

  private mutating func captured(_ nodes: [TemplateNode]) throws(TemplateError) -> String {
    let outer = output
    let wasMain = isMainOutput
    output = ""
    isMainOutput = false
    scopes.append([:])
    defer {
      output = outer
      isMainOutput = wasMain
      scopes.removeLast()
    }
    _ = try run(nodes)
    return output
  }

  private mutating func apply(
    _ filters: [(String, TemplateArguments)], to start: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    var value = start
    for (name, arguments) in filters {
      value = try filter(name, value, try evaluate(arguments), place)
    }
    return value
  }

  private mutating func loop(
    _ target: TemplateTarget, _ values: TemplateExpression, _ filter: TemplateExpression?, _ nodes: [TemplateNode],
    _ otherwise: [TemplateNode]
  ) throws(TemplateError) -> Flow {
    var items = try elements(of: try evaluate(values), values.place)
    scopes.append([:])
    defer { scopes.removeLast() }
    if let filter {
      var kept: [TemplateValue] = []
      for item in items {
        scopes[scopes.count - 1] = [:]
        try assign(item, to: target, values.place)
        if try evaluate(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      scopes[scopes.count - 1] = [:]
      return try run(otherwise)
    }
    var state = TemplateLoop(items: items)
    for index in items.indices {
      try count(values.place)
      state.index = index
      scopes[scopes.count - 1] = ["loop": .loop(state)]
      try assign(items[index], to: target, values.place)
      if try run(nodes) == .leave { break }
    }
    return .on
  }

  private mutating func count(_ place: TemplatePlace) throws(TemplateError) {
    steps += 1
    if steps > Self.mostSteps { throw TemplateError(.evaluation, "the template does not come to an end", place) }
  }

  private mutating func assign(
    _ value: TemplateValue, to target: TemplateTarget, _ place: TemplatePlace
  ) throws(TemplateError) {
    switch target {
    case .name(let name): scopes[scopes.count - 1][name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let index) = lookUp(name) else {
        throw TemplateError(.evaluation, "cannot set '\(name).\(attribute)': '\(name)' is no namespace", place)
      }
      let key = TemplateValue.string(attribute)
      namespaces[index].removeAll { $0.key.equals(key) }
      namespaces[index].append((key, value))
    case .names(let targets):
      let parts = try elements(of: value, place)
      guard parts.count == targets.count else {
        throw TemplateError(.evaluation, "\(parts.count) values for \(targets.count) names", place)
      }
      for (part, target) in zip(parts, targets) { try assign(part, to: target, place) }
    }
  }

  func lookUp(_ name: String) -> TemplateValue? {
    for scope in scopes.reversed() {
      if let value = scope[name] { return value }
    }
    return nil
  }

  // MARK: Calls

  /// Evaluated arguments of a call.
  struct Arguments {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    /// An argument by place or name.
    func callAsFunction(_ index: Int, _ name: String) -> TemplateValue? {
      index < positional.count ? positional[index] : named.last { $0.name == name }?.value
    }
  }

  mutating func evaluate(_ arguments: TemplateArguments) throws(TemplateError) -> Arguments {
    var result = Arguments()
    for argument in arguments.positional { result.positional.append(try evaluate(argument)) }
    if let starred = arguments.starred {
      result.positional += try elements(of: try evaluate(starred), starred.place)
    }
    for (name, argument) in arguments.named { result.named.append((name, try evaluate(argument))) }
    if let starred = arguments.doubleStarred {
      guard case .dictionary(let items) = try evaluate(starred) else {
        throw TemplateError(.evaluation, "'**' asks for a dictionary", starred.place)
      }
      for (key, value) in items { result.named.append((key.text, value)) }
    }
    return result
  }

  mutating func call(
    macro index: Int, _ arguments: Arguments, caller: TemplateValue?, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    try count(place)
    let (macro, depth, captured) = macros[index]
    callDepth += 1
    defer { callDepth -= 1 }
    if callDepth > Self.deepestCall { throw TemplateError(.evaluation, "macros call each other too deep", place) }
    guard arguments.positional.count <= macro.parameters.count else {
      throw TemplateError(.evaluation, "macro '\(macro.name)' takes \(macro.parameters.count) arguments", place)
    }
    let outerScopes = scopes
    let outerOutput = output
    let wasMain = isMainOutput
    scopes = (captured ?? Array(scopes[..<min(depth, scopes.count)])) + [[:]]
    output = ""
    isMainOutput = false
    defer {
      scopes = outerScopes
      output = outerOutput
      isMainOutput = wasMain
    }
    for (position, parameter) in macro.parameters.enumerated() {
      if let value = arguments(position, parameter.name) {
        scopes[scopes.count - 1][parameter.name] = value
      } else if let preset = parameter.preset {
        scopes[scopes.count - 1][parameter.name] = try evaluate(preset)
      } else {
        scopes[scopes.count - 1][parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
      }
    }
    if let caller { scopes[scopes.count - 1]["caller"] = caller }
    _ = try run(macro.body)
    return .string(output)
  }
}
