/// Runs a parsed template.
struct TemplateRenderer {
  enum Flow { case on, leave, next }

  private var scopes: [[String: TemplateValue]]
  // What changes while it is used, by number.
  var namespaces: [[(key: TemplateValue, value: TemplateValue)]] = []
  var generators: [ArraySlice<TemplateValue>] = []
  var cyclers: [(items: [TemplateValue], position: Int)] = []
  var joiners: [(separator: TemplateValue, isUsed: Bool)] = []
  /// What `loop.changed` was asked last, by loop.
  var loopMemory: [Int: [TemplateValue]] = [:]
  private var loops = 0
  /// The recursive loops that are running, with what they see from outside.
  private var recursion: [(id: Int, loop: TemplateFor, scopes: [[String: TemplateValue]])] = []
  /// Macros as defined: how many scopes they see from outside; for the body of a `call` block, those scopes themselves.
  private var macros: [(macro: TemplateMacro, depth: Int, scopes: [[String: TemplateValue]]?)] = []
  private var output = ""
  /// UTF-8 offsets of the output of `{% generation %}` blocks.
  private(set) var generations: [Range<Int>] = []
  private var isMainOutput = true
  private var steps = 0
  /// Bytes of all values that were made so far.
  var made = 0
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
    case .text(let text, let place): try put(text, place)
    case .output(let expression): try put(try evaluate(expression).text, expression.place)
    case .condition(let branches, let otherwise):
      for (test, nodes) in branches {
        if try evaluate(test).isTrue { return try run(nodes) }
      }
      return try run(otherwise)
    case .loop(let loop): return try run(loop, over: try evaluate(loop.values), depth: 0)
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
      try put(try evaluateCall(call, caller: value).text, call.place)
    case .filterBlock(let filters, let nodes, let place):
      let text = try captured(nodes)
      try put(try apply(filters, to: .string(text), place).text, place)
    case .with(let values, let nodes, let place):
      scopes.append([:])
      defer { scopes.removeLast() }
      for (target, value) in values { try assign(try evaluate(value), to: target, place) }
      return try run(nodes)
    case .block(let nodes):
      scopes.append([:])
      defer { scopes.removeLast() }
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

  private mutating func put(_ text: String, _ place: TemplatePlace) throws(TemplateError) {
    try checkSize(output.utf8.count, text.utf8.count, place)
    output += text
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

  private mutating func run(
    _ loop: TemplateFor, over values: TemplateValue, depth: Int
  ) throws(TemplateError) -> Flow {
    let place = loop.values.place
    var items = try elements(of: values, place)
    if loop.isRecursive { recursion.append((loops, loop, scopes)) }
    let id = loops
    loops += 1
    scopes.append([:])
    defer {
      scopes.removeLast()
      loopMemory[id] = nil
      if loop.isRecursive { recursion.removeLast() }
    }
    if let filter = loop.filter {
      var kept: [TemplateValue] = []
      for item in items {
        scopes[scopes.count - 1] = [:]
        try assign(item, to: loop.target, place)
        if try evaluate(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      scopes[scopes.count - 1] = [:]
      return try run(loop.otherwise)
    }
    var state = TemplateLoop(id: id, items: items, depth: depth)
    for index in items.indices {
      try count(place)
      state.index = index
      scopes[scopes.count - 1] = ["loop": .loop(state)]
      try assign(items[index], to: loop.target, place)
      if try run(loop.body) == .leave { break }
    }
    return .on
  }

  /// `loop(items)`: the body of a recursive loop again, as text.
  mutating func recurse(
    into loop: TemplateLoop, _ values: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    guard let (_, node, scopes) = recursion.last(where: { $0.id == loop.id }) else {
      throw TemplateError(.evaluation, "'loop' is only called in a loop that is 'recursive'", place)
    }
    return .string(
      try apart(in: scopes, place) { renderer throws(TemplateError) in
        _ = try renderer.run(node, over: values, depth: loop.depth + 1)
      })
  }

  /// What a part writes that runs on its own, in scopes of its own.
  private mutating func apart(
    in inner: [[String: TemplateValue]], _ place: TemplatePlace,
    _ body: (inout TemplateRenderer) throws(TemplateError) -> Void
  ) throws(TemplateError) -> String {
    try count(place)
    callDepth += 1
    defer { callDepth -= 1 }
    if callDepth > Self.deepestCall { throw TemplateError(.evaluation, "macros call each other too deep", place) }
    let outer = (scopes, output, isMainOutput)
    (scopes, output, isMainOutput) = (inner, "", false)
    defer { (scopes, output, isMainOutput) = outer }
    try body(&self)
    return output
  }

  private mutating func count(_ place: TemplatePlace) throws(TemplateError) {
    steps += 1
    if steps > Self.mostSteps { throw TemplateError(.evaluation, "the template does not come to an end", place) }
  }

  private mutating func assign(
    _ value: TemplateValue, to target: TemplateTarget, _ place: TemplatePlace
  ) throws(TemplateError) {
    switch target {
    case .name(let name):
      try checkMade(value, place)
      scopes[scopes.count - 1][name] = value
    case .attribute(let name, let attribute):
      try checkMade(value, place)
      guard case .namespace(let index) = lookUp(name) else {
        throw TemplateError(.evaluation, "cannot set '\(name).\(attribute)': '\(name)' is no namespace", place)
      }
      if attribute.hasPrefix("_") {
        throw TemplateError(.evaluation, "a namespace holds nothing that begins with '_'", place)
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
    let (macro, depth, captured) = macros[index]
    let extra = arguments.positional.dropFirst(macro.parameters.count)
    guard extra.isEmpty || macro.implicit.contains("varargs") else {
      throw TemplateError(.evaluation, "macro '\(macro.name)' takes \(macro.parameters.count) arguments", place)
    }
    var named = arguments.named
    for parameter in macro.parameters { named.removeAll { $0.name == parameter.name } }
    var caller = caller
    if let index = named.lastIndex(where: { $0.name == "caller" }), macro.implicit.contains("caller") {
      caller = named.remove(at: index).value
    }
    if let first = named.first, !macro.implicit.contains("kwargs") {
      throw TemplateError(.evaluation, "macro '\(macro.name)' takes no argument '\(first.name)'", place)
    }
    if caller != nil, !macro.implicit.contains("caller"), !macro.parameters.contains(where: { $0.name == "caller" }) {
      throw TemplateError(.evaluation, "macro '\(macro.name)' is called with a block and has no 'caller'", place)
    }
    var scope: [String: TemplateValue] = [:]
    if macro.implicit.contains("varargs") { scope["varargs"] = .tuple(Array(extra)) }
    if macro.implicit.contains("kwargs") { scope["kwargs"] = .dictionary(named.map { (.string($0.name), $0.value) }) }
    for value in scope.values { try checkMade(value, place) }
    if macro.implicit.contains("caller") { scope["caller"] = caller ?? .undefined("no caller is defined") }
    let outer = captured ?? Array(scopes[..<min(depth, scopes.count)])
    return .string(
      try apart(in: outer + [scope], place) { renderer throws(TemplateError) in
        for (position, parameter) in macro.parameters.enumerated() {
          let value: TemplateValue
          if let given = arguments(position, parameter.name) {
            value = given
          } else if parameter.name == "caller", let caller {
            value = caller
          } else if let preset = parameter.preset {
            value = try renderer.evaluate(preset)
          } else {
            value = .undefined("parameter '\(parameter.name)' was not provided")
          }
          renderer.scopes[renderer.scopes.count - 1][parameter.name] = value
        }
        _ = try renderer.run(macro.body)
      })
  }

  /// `name` and the like of a macro.
  func attribute(ofMacro index: Int, _ name: String) -> TemplateValue? {
    let macro = macros[index].macro
    switch name {
    case "name": return .string(macro.name)
    case "arguments": return .tuple(macro.parameters.map { .string($0.name) })
    case "catch_varargs", "catch_kwargs", "caller":
      return .bool(macro.implicit.contains(name == "caller" ? name : String(name.dropFirst(6))))
    default: return nil
    }
  }
}
