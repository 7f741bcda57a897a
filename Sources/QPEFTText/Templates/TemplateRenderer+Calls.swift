extension TemplateRenderer {
  static let functions: Set<String> = [
    "raise_exception", "strftime_now", "range", "namespace", "dict", "cycler", "joiner", "lipsum",
  ]

  mutating func evaluateCall(
    _ expression: TemplateExpression, caller: TemplateValue?
  ) throws(TemplateError) -> TemplateValue {
    guard case .call(let callee, let written) = expression.form else { return try evaluate(expression) }
    let place = expression.place
    let function = try evaluate(callee)
    let arguments = try evaluate(written)
    switch function {
    case .macro(let index): return try call(macro: index, arguments, caller: caller, place)
    case .method(let value, let name): return try method(name, of: value, arguments, place)
    case .function(let name): return try self.function(name, arguments, place)
    case .loop(let loop): return try recurse(into: loop, try required(arguments, 0, "iterable", "loop", place), place)
    case .joiner(let index):
      defer { joiners[index].isUsed = true }
      return joiners[index].isUsed ? joiners[index].separator : .string("")
    case .undefined(let reason): throw failure(reason, place)
    default: throw failure("\(function.kind) cannot be called", place)
    }
  }

  private mutating func function(
    _ name: String, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "raise_exception":
      throw TemplateError(.raised, arguments(0, "message")?.text ?? "no reason is given", place)
    case "strftime_now": return .string(clock(arguments(0, "format")?.text ?? ""))
    case "range": return try range(arguments, place)
    case "cycler":
      guard !arguments.positional.isEmpty else { throw failure("'cycler' asks for values", place) }
      cyclers.append((arguments.positional, 0))
      return .cycler(cyclers.count - 1)
    case "joiner":
      joiners.append((arguments(0, "sep") ?? .string(", "), false))
      return .joiner(joiners.count - 1)
    case "lipsum": throw failure("'lipsum' makes random text, which no chat is made of", place)
    default:
      var members: [(key: TemplateValue, value: TemplateValue)] = []
      if let first = arguments.positional.first {
        switch first {
        case .dictionary(let items): members = items
        case .namespace(let index): members = namespaces[index]
        default:
          for pair in try elements(of: first, place) {
            let pair = try elements(of: pair, place)
            guard pair.count == 2 else { throw failure("'\(name)' asks for pairs of a key and a value", place) }
            Self.set(pair[0], to: pair[1], in: &members)
          }
        }
      }
      for (key, value) in arguments.named { Self.set(.string(key), to: value, in: &members) }
      if name == "dict" { return .dictionary(members) }
      if members.contains(where: { $0.key.string?.hasPrefix("_") ?? false }) {
        throw failure("a namespace holds nothing that begins with '_'", place)
      }
      namespaces.append(members)
      return .namespace(namespaces.count - 1)
    }
  }

  private func range(_ arguments: Arguments, _ place: TemplatePlace) throws(TemplateError) -> TemplateValue {
    let numbers = arguments.positional.compactMap(\.integer)
    guard (1...3).contains(numbers.count), numbers.count == arguments.positional.count,
      numbers.count < 3 || numbers[2] != 0
    else { throw failure("'range' takes one to three integers", place) }
    let start = numbers.count > 1 ? numbers[0] : 0
    let stop = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    // Counted by arithmetic: a stride finds out by walking.
    let distance = step > 0 ? (start < stop, stop &- start) : (start > stop, start &- stop)
    let count = distance.0 ? (UInt(bitPattern: distance.1) - 1) / step.magnitude + 1 : 0
    guard count <= 100_000 else { throw failure("a range of more than 100000", place) }
    let items = stride(from: start, to: stop, by: step).map { TemplateValue.integer($0) }
    return .view(TemplateView(form: .range(start: start, stop: stop, step: step), items: items))
  }
}
