/// A regular expression compiled once to a short program for a backtracking matcher over UTF-8.
///
/// It covers what the published split patterns use: classes with Unicode categories, groups, alternatives, greedy, lazy
/// and possessive repeats, look-ahead, one-character look-behind, case-insensitive groups. It means by them what
/// Oniguruma means, which the `tokenizers` library runs.
struct Pattern: Sendable {
  struct Instruction: Sendable {
    enum Kind: UInt8 {
      /// One scalar of set `a`.
      case set
      /// `b`...`c` scalars of set `a`, greedy and giving back.
      case greedyRun
      /// As `greedyRun`, but keeping all it took.
      case possessiveRun
      /// Go on at `a`; should that fail, at `b`.
      case split
      case jump
      /// The program behind this up to its `end`, without moving; go on at `a`. `b` is 1 if it must fail.
      case lookAhead
      /// As `lookAhead`, keeping its first match and moving there.
      case atomic
      /// The scalar before is in set `a`; `b` is 1 if it must not be.
      case lookBehind
      case anchor
      /// Stops a repeat whose body matched nothing: register `a`.
      case markLoop, checkLoop
      case end
    }

    var kind: Kind
    var a: Int32 = 0
    var b: Int32 = 0
    var c: Int32 = 0
  }

  /// The expression as written.
  let source: String
  /// Scalars of the shortest match.
  let shortestMatch: Double
  private(set) var program: [Instruction] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var registerCount = 0
  /// Where each alternative of the outermost level starts, at most 64; the rest hang on the last.
  private(set) var entries: [Int32] = []
  /// For each ASCII byte, the entries that can start with it, one bit each; one more for all other scalars.
  private(set) var entriesByFirst: [UInt64] = []

  init(_ source: String) throws(TokenizerError) {
    self.source = source
    var parser = PatternParser(source)
    let tree = try parser.parse()
    shortestMatch = tree.shortestMatch
    var alternatives = [tree]
    if case .alternation(let branches) = tree { alternatives = branches }
    if alternatives.count > 64 {
      alternatives = alternatives[..<63] + [.alternation(Array(alternatives[63...]))]
    }
    entriesByFirst = Array(repeating: 0, count: 129)
    for (index, alternative) in alternatives.enumerated() {
      entries.append(Int32(program.count))
      emit(alternative)
      program.append(Instruction(kind: .end))
      if isTooLong {
        throw .unsupportedPattern(pattern: source, reason: "repeats that multiply beyond reason")
      }
      let first = alternative.firstSets
      for byte in 0..<128 where first?.contains(where: { $0.containsASCII(UInt8(byte)) }) ?? true {
        entriesByFirst[byte] |= 1 << UInt64(index)
      }
      if first?.contains(where: \.mayHoldBeyondASCII) ?? true { entriesByFirst[128] |= 1 << UInt64(index) }
    }
  }

  /// The text as it stands, each scalar literal.
  static func literal(_ text: String) throws(TokenizerError) -> Pattern {
    try Pattern(text.unicodeScalars.map { "\\x{\(String($0.value, radix: 16))}" }.joined())
  }

  private mutating func index(of set: ScalarSet) -> Int32 {
    sets.append(set)
    return Int32(sets.count - 1)
  }

  /// Published patterns need some hundred instructions.
  private static let longestProgram = 20_000
  /// Parts written so far: a part that needs no instruction can be repeated without end too.
  private var emitted = 0

  private mutating func emit(_ node: PatternNode) {
    emitted += 1
    if isTooLong { return }
    switch node {
    case .empty: break
    case .set(let set): program.append(Instruction(kind: .set, a: index(of: set)))
    case .sequence(let parts): for part in parts { emit(part) }
    case .alternation(let parts): emitAlternatives(parts)
    case .loop(let body, let least, let most, let greed): emitLoop(body, least, most, greed)
    case .lookAhead(let body, let isNegated): emitNested(body, Instruction(kind: .lookAhead, b: isNegated ? 1 : 0))
    case .atomic(let body): emitNested(body, Instruction(kind: .atomic))
    case .lookBehind(let set, let isNegated):
      program.append(Instruction(kind: .lookBehind, a: index(of: set), b: isNegated ? 1 : 0))
    case .anchor(let anchor): program.append(Instruction(kind: .anchor, a: anchor.rawValue))
    }
  }

  private var isTooLong: Bool { max(program.count, emitted) > Self.longestProgram }

  private mutating func emitNested(_ body: PatternNode, _ instruction: Instruction) {
    let place = program.count
    program.append(instruction)
    emit(body)
    program.append(Instruction(kind: .end))
    program[place].a = Int32(program.count)
  }

  private mutating func emitAlternatives(_ parts: [PatternNode]) {
    var exits: [Int] = []
    for (index, part) in parts.enumerated() {
      guard index < parts.count - 1 else {
        emit(part)
        break
      }
      let split = program.count
      program.append(Instruction(kind: .split, a: Int32(split + 1)))
      emit(part)
      exits.append(program.count)
      program.append(Instruction(kind: .jump))
      program[split].b = Int32(program.count)
    }
    for exit in exits { program[exit].a = Int32(program.count) }
  }

  private mutating func emitLoop(_ body: PatternNode, _ least: Int, _ most: Int, _ greed: PatternNode.Greed) {
    let limit = Int32(clamping: most)
    if case .set(let set) = body, greed != .lazy {
      let kind: Instruction.Kind = greed == .greedy ? .greedyRun : .possessiveRun
      program.append(Instruction(kind: kind, a: index(of: set), b: Int32(least), c: limit))
      return
    }
    if greed == .possessive {
      emitNested(.loop(body, least: least, most: most, .greedy), Instruction(kind: .atomic))
      return
    }
    for _ in 0..<least where !isTooLong { emit(body) }
    func split(to target: Int) -> Instruction {
      let inside = Int32(program.count + 1)
      return greed == .lazy
        ? Instruction(kind: .split, a: Int32(target), b: inside)
        : Instruction(kind: .split, a: inside, b: Int32(target))
    }
    if most == .max {
      let top = program.count
      program.append(split(to: 0))
      let register = Int32(registerCount)
      if body.canBeEmpty {
        registerCount += 1
        program.append(Instruction(kind: .markLoop, a: register))
      }
      emit(body)
      if body.canBeEmpty { program.append(Instruction(kind: .checkLoop, a: register)) }
      program.append(Instruction(kind: .jump, a: Int32(top)))
      if greed == .lazy { program[top].a = Int32(program.count) } else { program[top].b = Int32(program.count) }
    } else {
      var splits: [Int] = []
      for _ in least..<most where !isTooLong {
        splits.append(program.count)
        program.append(split(to: 0))
        emit(body)
      }
      for place in splits {
        if greed == .lazy { program[place].a = Int32(program.count) } else { program[place].b = Int32(program.count) }
      }
    }
  }
}

extension ScalarSet {
  /// False only where the set certainly ends within ASCII.
  fileprivate var mayHoldBeyondASCII: Bool {
    isNegated || categories != 0 || !nested.isEmpty || ranges.contains { $0.upperBound > 127 }
  }
}
