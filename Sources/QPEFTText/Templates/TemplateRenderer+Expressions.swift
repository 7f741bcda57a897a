internal import Foundation

extension TemplateRenderer {
  mutating func evaluate(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
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
    case .dictionary(let items):
      var members: [(key: TemplateValue, value: TemplateValue)] = []
      for (key, value) in items { Self.set(try evaluate(key), to: try evaluate(value), in: &members) }
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

  private func attribute(
    _ value: TemplateValue, _ name: String, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch value {
    case .undefined(let reason): throw failure("\(reason), and '.\(name)' of it is asked for", place)
    case .namespace(let index):
      let key = TemplateValue.string(name)
      return namespaces[index].last { $0.key.equals(key) }?.value ?? .undefined("the namespace has no '\(name)'")
    case .loop(let loop): return loop.attribute(name) ?? .undefined("'loop' has no '\(name)'")
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
    case .list(let items):
      if let index = key.integer {
        let wrapped = index < 0 ? index + items.count : index
        return items.indices.contains(wrapped) ? items[wrapped] : .undefined("there is no item \(index)")
      }
    case .string(let text):
      if let index = key.integer {
        let scalars = Array(text.unicodeScalars)
        let wrapped = index < 0 ? index + scalars.count : index
        guard scalars.indices.contains(wrapped) else { return .undefined("there is no item \(index)") }
        return .string(String(Character(scalars[wrapped])))
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
    if step == 0 { throw failure("a slice with step 0", place) }
    func indices(_ count: Int) -> [Int] {
      func clamp(_ number: Int?, _ preset: Int) -> Int {
        guard let number else { return preset }
        let wrapped = number < 0 ? number + count : number
        return step > 0 ? min(max(wrapped, 0), count) : min(max(wrapped, -1), count - 1)
      }
      let start = clamp(numbers[0], step > 0 ? 0 : count - 1)
      let stop = clamp(numbers[1], step > 0 ? count : -1)
      return Array(stride(from: start, to: stop, by: step))
    }
    switch value {
    case .list(let items): return .list(indices(items.count).map { items[$0] })
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var result = String.UnicodeScalarView()
      for index in indices(scalars.count) { result.append(scalars[index]) }
      return .string(String(result))
    default: throw failure("\(value.kind) cannot be sliced", place)
    }
  }

  /// What a `for` goes over.
  func elements(of value: TemplateValue, _ place: TemplatePlace) throws(TemplateError) -> [TemplateValue] {
    switch value {
    case .undefined: return []
    case .list(let items): return items
    case .dictionary(let items): return items.map(\.key)
    case .string(let text): return text.unicodeScalars.map { .string(String(Character($0))) }
    default: throw failure("\(value.kind) is nothing to go over", place)
    }
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
    let second = try evaluate(right)
    if sign == "~" { return .string(first.text + second.text) }
    switch (sign, first, second) {
    case ("+", .string(let a), .string(let b)): return .string(a + b)
    case ("+", .list(let a), .list(let b)): return .list(a + b)
    case ("*", _, .string(let text)):
      if let count = first.integer { return .string(String(repeating: text, count: min(max(count, 0), 1 << 20))) }
    case ("*", .string(let text), _):
      if let count = second.integer { return .string(String(repeating: text, count: min(max(count, 0), 1 << 20))) }
    case ("*", .list(let items), _):
      if let count = second.integer { return .list((0..<min(max(count, 0), 1 << 20)).flatMap { _ in items }) }
    case ("%", .string(let format), _): return .string(try percent(format, second, place))
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

  func compare(
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

  func contains(
    _ whole: TemplateValue, _ part: TemplateValue, _ place: TemplatePlace
  ) throws(TemplateError) -> Bool {
    switch whole {
    case .undefined: return false
    case .list(let items): return items.contains { $0.equals(part) }
    case .dictionary(let items): return items.contains { $0.key.equals(part) }
    case .string(let text):
      guard let needle = part.string else { throw failure("'in' of a string asks for a string", place) }
      return needle.isEmpty || Text.find(needle, in: text) != nil
    default: throw failure("'in' of \(whole.kind)", place)
    }
  }

  // MARK: Calls

  static let functions: Set<String> = ["raise_exception", "strftime_now", "range", "namespace", "dict"]

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
    case "range":
      let numbers = arguments.positional.compactMap(\.integer)
      guard !numbers.isEmpty, numbers.count == arguments.positional.count, numbers.count < 3 || numbers[2] != 0 else {
        throw failure("'range' takes one to three integers", place)
      }
      let start = numbers.count > 1 ? numbers[0] : 0
      let stop = numbers.count > 1 ? numbers[1] : numbers[0]
      let step = numbers.count > 2 ? numbers[2] : 1
      // Counted by arithmetic: a stride finds out by walking.
      let distance = step > 0 ? (start < stop, stop &- start) : (start > stop, start &- stop)
      let count = distance.0 ? (UInt(bitPattern: distance.1) - 1) / step.magnitude + 1 : 0
      guard count <= 100_000 else { throw failure("a range of more than 100000", place) }
      return .list(stride(from: start, to: stop, by: step).map { .integer($0) })
    default:
      var members: [(key: TemplateValue, value: TemplateValue)] = []
      if let first = arguments.positional.first {
        switch first {
        case .dictionary(let items): members = items
        case .namespace(let index): members = namespaces[index]
        default: throw failure("'\(name)' of \(first.kind)", place)
        }
      }
      for (key, value) in arguments.named { Self.set(.string(key), to: value, in: &members) }
      if name == "dict" { return .dictionary(members) }
      namespaces.append(members)
      return .namespace(namespaces.count - 1)
    }
  }
}
