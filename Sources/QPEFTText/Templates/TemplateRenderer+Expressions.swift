internal import Foundation

extension TemplateRenderer {
  mutating func evaluate(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    let value = try evaluated(expression)
    switch expression.form {
    case .binary("and", _, _), .binary("or", _, _): break
    case .list, .tuple, .dictionary, .call, .filter, .binary: try checkMade(value, expression.place)
    default: break
    }
    return value
  }

  private mutating func evaluated(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    let place = expression.place
    switch expression.form {
    case .literal(let value): return value
    case .name(let name):
      if let value = lookUp(name) { return value }
      return Self.functions.contains(name) ? .function(name) : .undefined("'\(name)' is undefined")
    case .list(let items):
      var values: [TemplateValue] = []
      for item in items { values.append(try evaluate(item)) }
      return .list(values)
    case .tuple(let items):
      var values: [TemplateValue] = []
      for item in items { values.append(try evaluate(item)) }
      return .tuple(values)
    case .dictionary(let items):
      var members: [(key: TemplateValue, value: TemplateValue)] = []
      for (key, value) in items {
        let name = try evaluate(key)
        guard name.isKey else { throw failure("\(name.kind) as a key of a dictionary", key.place) }
        Self.set(name, to: try evaluate(value), in: &members)
      }
      return .dictionary(members)
    // Values first: evaluating may make namespaces, which `self` must have before it is asked for them.
    case .attribute(let value, let name):
      let value = try evaluate(value)
      return try attribute(value, name, place)
    case .item(let value, let key):
      let (value, key) = (try evaluate(value), try evaluate(key))
      return try member(value, key, place)
    case .slice(let value, let start, let stop, let step):
      let whole = try evaluate(value)
      var bounds: [TemplateValue?] = []
      for bound in [start, stop, step] {
        if let bound { bounds.append(try evaluate(bound)) } else { bounds.append(nil) }
      }
      return try slice(whole, bounds, place)
    case .call: return try evaluateCall(expression, caller: nil)
    case .filter(let value, let name, let arguments):
      return try filter(name, try evaluate(value), try evaluate(arguments), place)
    case .test(let value, let name, let arguments, let isNegated):
      let (value, arguments) = (try evaluate(value), try evaluate(arguments))
      return .bool(try test(name, value, arguments, place) != isNegated)
    case .unary(let sign, let value): return try unary(sign, try evaluate(value), place)
    case .binary(let sign, let left, let right): return try binary(sign, left, right, place)
    case .comparison(let first, let rest):
      var left = try evaluate(first)
      for (sign, expression) in rest {
        let right = try evaluate(expression)
        guard try compare(sign, left, right, place) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .condition(let test, let then, let otherwise):
      if try evaluate(test).isTrue { return try evaluate(then) }
      guard let otherwise else { return .undefined("the condition was not met, and there is no 'else'") }
      return try evaluate(otherwise)
    }
  }

  static func set(
    _ key: TemplateValue, to value: TemplateValue, in members: inout [(key: TemplateValue, value: TemplateValue)]
  ) {
    if let index = members.firstIndex(where: { $0.key.equals(key) }) {
      members[index].value = value
    } else {
      members.append((key, value))
    }
  }

  func failure(_ reason: String, _ place: TemplatePlace) -> TemplateError { TemplateError(.evaluation, reason, place) }

  // MARK: Members

  func attribute(
    _ value: TemplateValue, _ name: String, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch value {
    case .undefined(let reason): throw failure("\(reason), and '.\(name)' of it is asked for", place)
    case .namespace(let index):
      let key = TemplateValue.string(name)
      return namespaces[index].last { $0.key.equals(key) }?.value ?? .undefined("the namespace has no '\(name)'")
    case .loop(let loop): return loop.attribute(name) ?? .undefined("'loop' has no '\(name)'")
    case .macro(let index):
      return attribute(ofMacro: index, name) ?? .undefined("a macro has no '\(name)'")
    case .cycler(let index) where name == "current": return cyclers[index].items[cyclers[index].position]
    case .view(let view) where view.form == .group && (name == "grouper" || name == "list"):
      return view.items[name == "list" ? 1 : 0]
    case .dictionary:
      if Self.methods(of: value).contains(name) { return .method(value, name) }
      return value.member(.string(name)) ?? .undefined("there is no '\(name)'")
    default:
      if Self.methods(of: value).contains(name) { return .method(value, name) }
      return .undefined("\(value.kind) has no '\(name)'")
    }
  }

  func member(
    _ value: TemplateValue, _ key: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch value {
    case .undefined(let reason): throw failure("\(reason), and an item of it is asked for", place)
    case .list(let items), .tuple(let items):
      if let index = key.integer { return Self.item(index, of: items) }
    case .view(let view) where view.isIndexed:
      if let index = key.integer { return Self.item(index, of: view.items) }
    case .string(let text), .markup(let text):
      if let index = key.integer {
        let scalars = Array(text.unicodeScalars)
        let wrapped = index < 0 ? index + scalars.count : index
        guard scalars.indices.contains(wrapped) else { return .undefined("there is no item \(index)") }
        return value.withText(String(Character(scalars[wrapped])))
      }
    case .dictionary:
      if let member = value.member(key) { return member }
      if let name = key.string, Self.methods(of: value).contains(name) { return .method(value, name) }
      return .undefined("there is no \(key.representation)")
    default: break
    }
    if let name = key.string { return try attribute(value, name, place) }
    return .undefined("\(value.kind) has no item \(key.representation)")
  }

  private static func item(_ index: Int, of items: [TemplateValue]) -> TemplateValue {
    let wrapped = index < 0 ? index + items.count : index
    return items.indices.contains(wrapped) ? items[wrapped] : .undefined("there is no item \(index)")
  }

  private func slice(
    _ value: TemplateValue, _ bounds: [TemplateValue?], _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    var numbers: [Int?] = []
    for bound in bounds {
      guard let bound, !bound.isNone else {
        numbers.append(nil)
        continue
      }
      guard let number = bound.integer else { throw failure("a slice bound is \(bound.kind)", place) }
      numbers.append(number)
    }
    let step = numbers[2] ?? 1
    func clamped(_ count: Int) -> (start: Int, stop: Int) {
      func clamp(_ number: Int?, _ preset: Int) -> Int {
        guard let number else { return preset }
        let wrapped = number < 0 ? number + count : number
        return step > 0 ? min(max(wrapped, 0), count) : min(max(wrapped, -1), count - 1)
      }
      return (clamp(numbers[0], step > 0 ? 0 : count - 1), clamp(numbers[1], step > 0 ? count : -1))
    }
    func taken<Item>(_ items: [Item]) -> [Item] {
      let (start, stop) = clamped(items.count)
      return stride(from: start, to: stop, by: step).map { items[$0] }
    }
    if step == 0, value.items != nil || value.string != nil { throw failure("a slice with step 0", place) }
    switch value {
    case .list(let items): return .list(taken(items))
    case .tuple(let items): return .tuple(taken(items))
    case .view(let view):
      switch view.form {
      case .range(let first, _, let every):
        let (start, stop) = clamped(view.items.count)
        let form = TemplateView.Form.range(
          start: first &+ start &* every, stop: first &+ stop &* every, step: every &* step)
        return .view(TemplateView(form: form, items: taken(view.items)))
      case .group: return .tuple(taken(view.items))
      default: throw failure("\(value.kind) cannot be sliced", place)
      }
    case .string(let text), .markup(let text):
      var result = String.UnicodeScalarView()
      result.append(contentsOf: taken(Array(text.unicodeScalars)))
      return value.withText(String(result))
    case .undefined(let reason): throw failure("\(reason), and a slice of it is asked for", place)
    default: throw failure("\(value.kind) cannot be sliced", place)
    }
  }

  /// What a `for` goes over; a generator is empty afterwards.
  mutating func elements(of value: TemplateValue, _ place: TemplatePlace) throws(TemplateError) -> [TemplateValue] {
    switch value {
    case .undefined: return []
    case .dictionary(let items): return items.map(\.key)
    case .string(let text), .markup(let text): return try characters(of: text, place)
    case .generator(let index):
      defer { generators[index] = [] }
      return Array(generators[index])
    default:
      guard let items = value.items else { throw failure("\(value.kind) is nothing to go over", place) }
      return items
    }
  }

  /// Items that can be gone over once, as Python's generators.
  mutating func generator(_ items: [TemplateValue], _ place: TemplatePlace) throws(TemplateError) -> TemplateValue {
    try checkMade(.list(items), place)
    generators.append(items[...])
    return .generator(generators.count - 1)
  }

  // MARK: Operators

  private func unary(
    _ sign: String, _ value: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    if sign == "not" { return .bool(!value.isTrue) }
    if let integer = value.integer { return .integer(sign == "-" ? 0 &- integer : integer) }
    if let number = value.number { return .float(sign == "-" ? -number : number) }
    if case .undefined(let reason) = value { throw failure(reason, place) }
    throw failure("'\(sign)' before \(value.kind)", place)
  }

  private mutating func binary(
    _ sign: String, _ left: TemplateExpression, _ right: TemplateExpression, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    let first = try evaluate(left)
    if sign == "and" { return first.isTrue ? try evaluate(right) : first }
    if sign == "or" { return first.isTrue ? first : try evaluate(right) }
    return try combined(sign, first, try evaluate(right), place)
  }

  /// What an operator makes of two values.
  mutating func combined(
    _ sign: String, _ first: TemplateValue, _ second: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    if sign == "~" {
      let (left, right) = (first.text, second.text)
      try checkSize(left.utf8.count, right.utf8.count, place)
      return .string(left + right)
    }
    if sign == "+" {
      try checkSize(first.size, second.size, place)
    }
    switch (sign, first, second) {
    case ("+", .string(let a), .string(let b)): return .string(a + b)
    case ("+", .markup(let a), .string), ("+", .markup(let a), .markup): return .markup(a + second.escaped)
    case ("+", .string, .markup(let b)): return .markup(first.escaped + b)
    case ("+", .list(let a), .list(let b)): return .list(a + b)
    case ("+", .tuple(let a), .tuple(let b)): return .tuple(a + b)
    case ("*", _, .string), ("*", _, .markup), ("*", _, .list), ("*", _, .tuple):
      if let count = first.integer { return try repeated(second, count, place) }
    case ("*", .string, _), ("*", .markup, _), ("*", .list, _), ("*", .tuple, _):
      if let count = second.integer { return try repeated(first, count, place) }
    case ("%", .string(let format), _): return .string(try percent(format, second, place))
    case ("%", .markup(let format), _):
      let escaped: TemplateValue =
        if case .tuple(let items) = second { .tuple(items.map(\.escapedIfText)) } else { second.escapedIfText }
      return .markup(try percent(format, escaped, place))
    default: break
    }
    if let a = first.integer, let b = second.integer, sign != "/" {
      if let result = try whole(sign, a, b, place) { return .integer(result) }
    }
    guard let a = first.number, let b = second.number else {
      for case .undefined(let reason) in [first, second] { throw failure(reason, place) }
      throw failure("'\(sign)' between \(first.kind) and \(second.kind)", place)
    }
    if ["/", "//", "%"].contains(sign), b == 0 { throw failure("division by zero", place) }
    switch sign {
    case "+": return .float(a + b)
    case "-": return .float(a - b)
    case "*": return .float(a * b)
    case "/": return .float(a / b)
    case "//": return .float((a / b).rounded(.down))
    case "%": return .float(a - b * (a / b).rounded(.down))
    default: return .float(pow(a, b))
    }
  }

  private func whole(_ sign: String, _ a: Int, _ b: Int, _ place: TemplatePlace) throws(TemplateError) -> Int? {
    let tooLarge = failure("a number that is too large", place)
    switch sign {
    case "+", "-", "*":
      let (result, overflows) =
        sign == "+"
        ? a.addingReportingOverflow(b)
        : sign == "-" ? a.subtractingReportingOverflow(b) : a.multipliedReportingOverflow(by: b)
      if overflows { throw tooLarge }
      return result
    case "//", "%":
      if b == 0 { throw failure("division by zero", place) }
      if b == -1 { return sign == "%" ? 0 : 0 &- a }
      let quotient = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0)
      return sign == "//" ? quotient : a - quotient * b
    default:
      if b < 0 { return nil }
      var result = 1
      for _ in 0..<min(b, 64) where a != 1 {
        let (next, overflows) = result.multipliedReportingOverflow(by: a)
        if overflows { throw tooLarge }
        result = next
      }
      return b > 64 && a == -1 ? (b % 2 == 0 ? 1 : -1) : result
    }
  }

  mutating func compare(
    _ sign: String, _ left: TemplateValue, _ right: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> Bool {
    switch sign {
    case "==": return left.equals(right)
    case "!=": return !left.equals(right)
    case "in": return try contains(right, left, place)
    case "not in": return !(try contains(right, left, place))
    default:
      let order =
        sign == "<" || sign == ">="
        ? left.isLess(than: right).map { sign == "<" ? $0 : !$0 }
        : right.isLess(than: left).map { sign == ">" ? $0 : !$0 }
      guard let order else {
        for case .undefined(let reason) in [left, right] { throw failure(reason, place) }
        throw failure("'\(sign)' between \(left.kind) and \(right.kind)", place)
      }
      return order
    }
  }

  mutating func contains(
    _ whole: TemplateValue, _ part: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> Bool {
    switch whole {
    case .dictionary(let items):
      guard part.isKey else { throw failure("\(part.kind) is no key of a dictionary", place) }
      return items.contains { $0.key.equals(part) }
    case .string(let text), .markup(let text):
      guard let needle = part.string else { throw failure("'in' of a string asks for a string", place) }
      return needle.isEmpty || Text.find(needle, in: text) != nil
    case .generator(let index):
      while let item = generators[index].popFirst() { if item.equals(part) { return true } }
      return false
    default: return try elements(of: whole, place).contains { $0.equals(part) }
    }
  }
}
