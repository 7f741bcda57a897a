/// Reads the regular expressions of published tokenizers: the syntax of Oniguruma as far as they use it.
struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var ignoresCase = false
  private var dotMatchesNewline = false
  private var depth = 0
  private let source: String

  init(_ source: String) {
    self.source = source
    scalars = Array(source.unicodeScalars)
  }

  mutating func parse() throws(TokenizerError) -> PatternNode {
    let node = try alternation()
    if position < scalars.count { throw error("an unmatched ')'") }
    return node
  }

  private func error(_ reason: String) -> TokenizerError {
    .unsupportedPattern(pattern: source, reason: "\(reason) at character \(position)")
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private func looksAt(_ text: String) -> Bool {
    var index = position
    for scalar in text.unicodeScalars {
      guard index < scalars.count, scalars[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private mutating func take(_ text: String) -> Bool {
    guard looksAt(text) else { return false }
    position += text.unicodeScalars.count
    return true
  }

  private mutating func alternation() throws(TokenizerError) -> PatternNode {
    let outerCase = ignoresCase
    let outerDot = dotMatchesNewline
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    ignoresCase = outerCase
    dotMatchesNewline = outerDot
    return branches.count == 1 ? branches[0] : .alternation(branches)
  }

  private mutating func sequence() throws(TokenizerError) -> PatternNode {
    var parts: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      parts.append(try quantified(try atom()))
    }
    return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
  }

  private mutating func quantified(_ atom: PatternNode) throws(TokenizerError) -> PatternNode {
    var node = atom
    var repeats = 0
    while let scalar = next {
      var least = 0
      var most = Int.max
      var isInterval = false
      switch scalar {
      case "*": position += 1
      case "+":
        position += 1
        least = 1
      case "?":
        position += 1
        most = 1
      case "{":
        guard let interval = takeInterval() else { return node }
        (least, most) = interval
        isInterval = true
        if least > most || least > 1000 || (most != .max && most > 1000) {
          throw error("a repeat count that is not supported")
        }
      default: return node
      }
      repeats += 1
      if repeats > 4 { throw error("more than four repeats of repeats") }
      var greed = PatternNode.Greed.greedy
      if take("?") { greed = .lazy } else if !isInterval, take("+") { greed = .possessive }
      node = .loop(node, least: least, most: most, greed)
    }
    return node
  }

  /// `{n}`, `{n,}`, `{,m}` or `{n,m}`; anything else behind a brace is literal.
  private mutating func takeInterval() -> (Int, Int)? {
    var index = position + 1
    func number() -> Int? {
      var value: Int?
      while index < scalars.count, let digit = Int(String(scalars[index])), value ?? 0 < 100_000 {
        value = (value ?? 0) * 10 + digit
        index += 1
      }
      return value
    }
    let first = number()
    var last = first
    if index < scalars.count, scalars[index] == "," {
      index += 1
      last = number() ?? (first == nil ? nil : Int.max)
    }
    guard index < scalars.count, scalars[index] == "}", let last else { return nil }
    position = index + 1
    return (first ?? 0, last)
  }

  private mutating func atom() throws(TokenizerError) -> PatternNode {
    guard let scalar = next else { return .empty }
    switch scalar {
    case "(": return try group()
    case "[":
      position += 1
      return .set(try characterClass())
    case ".":
      position += 1
      return .set(dotMatchesNewline ? ScalarSet(isNegated: true) : ScalarSet(ranges: [0x0A...0x0A], isNegated: true))
    case "^":
      position += 1
      return .anchor(.lineStart)
    case "$":
      position += 1
      return .anchor(.lineEnd)
    case "\\":
      position += 1
      if take("b") { return .anchor(.wordBoundary) }
      if take("B") { return .anchor(.noWordBoundary) }
      if take("A") { return .anchor(.textStart) }
      if take("z") { return .anchor(.textEnd) }
      return .set(try escape())
    case "*", "+", "?": throw error("nothing to repeat")
    default:
      position += 1
      return .set(literal(scalar.value))
    }
  }

  private func literal(_ scalar: UInt32) -> ScalarSet {
    guard ignoresCase else { return .scalar(scalar) }
    return ScalarSet(ranges: ScalarSet.caseVariants(of: scalar).map { $0...$0 })
  }

  private mutating func group() throws(TokenizerError) -> PatternNode {
    depth += 1
    defer { depth -= 1 }
    if depth > 60 { throw error("more than 60 groups in each other") }
    position += 1
    var wrap: (PatternNode) -> PatternNode = { $0 }
    let outerCase = ignoresCase
    let outerDot = dotMatchesNewline
    if take("?:") {
      // A plain group.
    } else if take("?=") {
      wrap = { .lookAhead($0, isNegated: false) }
    } else if take("?!") {
      wrap = { .lookAhead($0, isNegated: true) }
    } else if take("?>") {
      wrap = { .atomic($0) }
    } else if looksAt("?<=") || looksAt("?<!") {
      let isNegated = looksAt("?<!")
      position += 3
      guard case .set(let set) = try alternation() else {
        throw error("a look behind at more than one character")
      }
      guard take(")") else { throw error("a '(' that is never closed") }
      return .lookBehind(set, isNegated: isNegated)
    } else if looksAt("?<") {
      while position < scalars.count, scalars[position] != ">" { position += 1 }
      position += 1
    } else if take("?") {
      if try options() { return try restOfGroup(outerCase, outerDot) }
    }
    let body = try alternation()
    ignoresCase = outerCase
    dotMatchesNewline = outerDot
    guard take(")") else { throw error("a '(' that is never closed") }
    return wrap(body)
  }

  /// `(?i)` holds to the end of the group around it, and alternatives behind it belong to it.
  private mutating func restOfGroup(_ outerCase: Bool, _ outerDot: Bool) throws(TokenizerError) -> PatternNode {
    let body = try alternation()
    ignoresCase = outerCase
    dotMatchesNewline = outerDot
    return body
  }

  /// Reads `i:`, `i-s:` or `i)`; true for the last form.
  private mutating func options() throws(TokenizerError) -> Bool {
    var isOn = true
    while let scalar = next {
      position += 1
      switch scalar {
      case "i": ignoresCase = isOn
      case "s", "m": dotMatchesNewline = isOn
      case "u": break
      case "-": isOn = false
      case ":": return false
      case ")": return true
      default:
        position -= 1
        throw error("a group option that is not supported")
      }
    }
    throw error("a '(' that is never closed")
  }

  /// What follows a backslash, as a set.
  private mutating func escape() throws(TokenizerError) -> ScalarSet {
    guard let scalar = next else { throw error("a lone backslash") }
    position += 1
    switch scalar {
    case "s": return .whitespace
    case "S": return Self.negated(.whitespace)
    case "d": return .digit
    case "D": return Self.negated(.digit)
    case "w": return .word
    case "W": return Self.negated(.word)
    case "h": return ScalarSet(ranges: [0x30...0x39, 0x41...0x46, 0x61...0x66])
    case "n": return .scalar(0x0A)
    case "r": return .scalar(0x0D)
    case "t": return .scalar(0x09)
    case "f": return .scalar(0x0C)
    case "v": return .scalar(0x0B)
    case "a": return .scalar(0x07)
    case "e": return .scalar(0x1B)
    case "x", "u": return literal(try hexadecimal(digits: scalar == "u" ? 4 : 2))
    case "p", "P": return try property(isNegated: scalar == "P")
    default:
      if scalar.isASCII, scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) {
        position -= 1
        throw error("an escape '\\\(scalar)' that is not supported")
      }
      return literal(scalar.value)
    }
  }

  private static func negated(_ set: ScalarSet) -> ScalarSet { ScalarSet(nested: [set], isNegated: true) }

  private mutating func hexadecimal(digits: Int) throws(TokenizerError) -> UInt32 {
    var text = ""
    if take("{") {
      while let scalar = next, scalar != "}" {
        text.unicodeScalars.append(scalar)
        position += 1
      }
      position += 1
    } else {
      while text.count < digits, let scalar = next, scalar.isASCII, scalar.properties.isASCIIHexDigit {
        text.unicodeScalars.append(scalar)
        position += 1
      }
    }
    guard let value = UInt32(text, radix: 16), Unicode.Scalar(value) != nil else {
      throw error("a hexadecimal escape that is no character")
    }
    return value
  }

  private mutating func property(isNegated: Bool) throws(TokenizerError) -> ScalarSet {
    var name = ""
    if take("{") {
      while let scalar = next, scalar != "}" {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      position += 1
    } else if let scalar = next {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    var isNegated = isNegated
    if name.hasPrefix("^") {
      isNegated.toggle()
      name.removeFirst()
    }
    if name.lowercased() == "han" {
      return ScalarSet(ranges: ScalarClass.ranges(ScalarClassData.han), isNegated: isNegated)
    }
    guard let mask = ScalarClass.mask(named: name) else {
      throw error("a character property '\(name)' that is not supported")
    }
    return ScalarSet(categories: mask, isNegated: isNegated)
  }

  /// What follows `[`, to the bracket that closes it.
  private mutating func characterClass() throws(TokenizerError) -> ScalarSet {
    depth += 1
    defer { depth -= 1 }
    if depth > 60 { throw error("more than 60 classes in each other") }
    let isNegated = take("^")
    var categories: ScalarClass.Mask = 0
    var ranges: [ClosedRange<UInt32>] = []
    var nested: [ScalarSet] = []
    var isFirst = true
    while let scalar = next, scalar != "]" || isFirst {
      isFirst = false
      if take("&&") {
        let left = ScalarSet(categories: categories, ranges: ranges, nested: nested)
        if next == "^" { throw error("an intersection with '^' outside of brackets") }
        let right = try characterClass()
        return ScalarSet(nested: [left], intersected: [right], isNegated: isNegated)
      }
      if looksAt("[:") { throw error("a POSIX bracket, which is not supported") }
      if take("[") {
        nested.append(try characterClass())
        continue
      }
      var single: UInt32? = scalar.value
      position += 1
      if scalar == "\\" {
        let set = try escape()
        single = set.onlyScalar
        if single == nil {
          if set.isPlain {
            categories |= set.categories
            ranges += set.ranges
          } else {
            nested.append(set)
          }
          continue
        }
      }
      guard let low = single else { continue }
      guard looksAt("-"), position + 1 < scalars.count, scalars[position + 1] != "]" else {
        ranges += variants(low...low)
        continue
      }
      position += 1
      var high = scalars[position].value
      position += 1
      if high == 0x5C {
        guard let end = try escape().onlyScalar else { throw error("a range without an end") }
        high = end
      }
      guard low <= high else { throw error("a range that ends before it begins") }
      ranges += variants(low...high)
    }
    guard take("]") else { throw error("a '[' that is never closed") }
    return ScalarSet(categories: categories, ranges: ranges, nested: nested, isNegated: isNegated)
  }

  private func variants(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
    guard ignoresCase, range.count <= 1024 else { return [range] }
    return [range] + range.flatMap { ScalarSet.caseVariants(of: $0) }.map { $0...$0 }
  }
}

extension ScalarSet {
  /// The one scalar that a set built from a literal holds.
  fileprivate var onlyScalar: UInt32? {
    guard isPlain, categories == 0, ranges.count == 1, ranges[0].count == 1 else { return nil }
    return ranges[0].lowerBound
  }

  fileprivate var isPlain: Bool { !isNegated && nested.isEmpty && intersected.isEmpty }
}
