/// Runs a ``Pattern`` over one text. It owns its backtracking stack, so one matcher serves many texts.
struct PatternMatcher {
  private struct Frame {
    /// Where to go on; `~register` for a frame that only puts back what the register held, which is in `least`.
    var instruction: Int32
    /// How far a run may still give back; equal to `position` for other frames.
    var least: Int
    var position: Int
  }

  private let pattern: Pattern
  private var stack: [Frame] = []
  private var registers: [Int]
  private var retries = 0
  /// Patterns that need more at one place are given up there, as Oniguruma does.
  private static let mostRetries = 10_000_000

  init(_ pattern: Pattern) {
    self.pattern = pattern
    registers = Array(repeating: -1, count: pattern.registerCount)
    stack.reserveCapacity(64)
  }

  /// Calls `piece` for every part of `text[range]`, in order: matches, and what lies between them.
  ///
  /// The pattern sees nothing outside of the range.
  mutating func forEachPiece(
    of text: UnsafeBufferPointer<UInt8>, in range: Range<Int>, _ piece: (Range<Int>, _ isMatch: Bool) -> Void
  ) {
    var previous = range.lowerBound
    var position = range.lowerBound
    var lastEmpty = -1
    while position < range.upperBound {
      let end = match(text, at: position, in: range)
      if end < 0 || (end == position && lastEmpty == position) {
        position += UTF8Coding.scalar(at: position, in: text).length
        continue
      }
      if previous < position { piece(previous..<position, false) }
      if end > position { piece(position..<end, true) } else { lastEmpty = end }
      previous = end
      position = end
    }
    if previous < range.upperBound { piece(previous..<range.upperBound, false) }
  }

  /// The end of the match that starts at `position`, or -1.
  private mutating func match(_ text: UnsafeBufferPointer<UInt8>, at position: Int, in range: Range<Int>) -> Int {
    retries = 0
    var candidates = pattern.entriesByFirst[Int(min(text[position], 128))]
    while candidates != 0 {
      let entry = candidates.trailingZeroBitCount
      candidates &= candidates - 1
      let end = run(Int(pattern.entries[entry]), text, position, range)
      if end >= 0 { return end }
    }
    return -1
  }

  private mutating func run(
    _ start: Int, _ text: UnsafeBufferPointer<UInt8>, _ origin: Int, _ range: Range<Int>
  ) -> Int {
    let base = stack.count
    var counter = start
    var position = origin
    let limit = range.upperBound
    while true {
      let instruction = pattern.program[counter]
      var isMatching = true
      switch instruction.kind {
      case .end:
        stack.removeLast(stack.count - base)
        return position
      case .set:
        let length = accepts(Int(instruction.a), text, position, limit)
        isMatching = length > 0
        position += length
      case .greedyRun, .possessiveRun:
        let (least, most) = span(instruction, text, position, limit)
        isMatching = least >= 0
        if isMatching {
          if most > least, instruction.kind == .greedyRun {
            stack.append(Frame(instruction: Int32(counter + 1), least: least, position: most))
          }
          position = most
        }
      case .split:
        stack.append(Frame(instruction: instruction.b, least: position, position: position))
        counter = Int(instruction.a) - 1
      case .jump:
        counter = Int(instruction.a) - 1
      case .lookAhead:
        let end = run(counter + 1, text, position, range)
        isMatching = (end >= 0) != (instruction.b == 1)
        counter = Int(instruction.a) - 1
      case .atomic:
        let end = run(counter + 1, text, position, range)
        isMatching = end >= 0
        position = end
        counter = Int(instruction.a) - 1
      case .lookBehind:
        var isThere = false
        if position > range.lowerBound {
          let before = UTF8Coding.start(before: position, in: text)
          isThere = accepts(Int(instruction.a), text, before, position) > 0
        }
        isMatching = isThere != (instruction.b == 1)
      case .anchor:
        isMatching = holds(PatternNode.Anchor(rawValue: instruction.a) ?? .textEnd, text, position, range)
      case .markLoop:
        let held = registers[Int(instruction.a)]
        stack.append(Frame(instruction: ~instruction.a, least: held, position: held))
        registers[Int(instruction.a)] = position
      case .checkLoop:
        isMatching = registers[Int(instruction.a)] != position
      }
      if isMatching {
        counter += 1
        continue
      }
      while stack.count > base, let frame = stack.last, frame.instruction < 0 {
        registers[Int(~frame.instruction)] = frame.least
        stack.removeLast()
      }
      retries += 1
      guard stack.count > base, retries < Self.mostRetries, let frame = stack.last else {
        stack.removeLast(stack.count - base)
        return -1
      }
      counter = Int(frame.instruction)
      if frame.position > frame.least {
        // A run gives back one scalar.
        position = UTF8Coding.start(before: frame.position, in: text)
        stack[stack.count - 1].position = position
        if position <= frame.least { stack.removeLast() }
      } else {
        position = frame.position
        stack.removeLast()
      }
    }
  }

  /// Length of the scalar at `position` if the set holds it, else 0.
  @inline(__always)
  private func accepts(_ set: Int, _ text: UnsafeBufferPointer<UInt8>, _ position: Int, _ limit: Int) -> Int {
    guard position < limit else { return 0 }
    let byte = text[position]
    if byte < 0x80 { return pattern.sets[set].containsASCII(byte) ? 1 : 0 }
    let (scalar, length) = UTF8Coding.scalar(at: position, in: text)
    return pattern.sets[set].contains(scalar) ? length : 0
  }

  /// The ends of the shortest and the longest run; (-1, -1) if there are too few scalars.
  @inline(__always)
  private func span(
    _ run: Pattern.Instruction, _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ limit: Int
  ) -> (least: Int, most: Int) {
    var position = start
    var count: Int32 = 0
    var least = run.b == 0 ? start : -1
    while count < run.c {
      let length = accepts(Int(run.a), text, position, limit)
      if length == 0 { break }
      position += length
      count += 1
      if count == run.b { least = position }
    }
    return least < 0 ? (-1, -1) : (least, position)
  }

  private func holds(
    _ anchor: PatternNode.Anchor, _ text: UnsafeBufferPointer<UInt8>, _ position: Int, _ range: Range<Int>
  ) -> Bool {
    func isWord(before place: Int) -> Bool {
      guard place > range.lowerBound else { return false }
      let start = UTF8Coding.start(before: place, in: text)
      return ScalarSet.word.contains(UTF8Coding.scalar(at: start, in: text).value)
    }
    func isWord(at place: Int) -> Bool {
      place < range.upperBound && ScalarSet.word.contains(UTF8Coding.scalar(at: place, in: text).value)
    }
    switch anchor {
    case .textStart: return position == range.lowerBound
    case .textEnd: return position == range.upperBound
    case .lineStart: return position == range.lowerBound || text[position - 1] == 0x0A
    case .lineEnd: return position == range.upperBound || text[position] == 0x0A
    case .wordBoundary: return isWord(before: position) != isWord(at: position)
    case .noWordBoundary: return isWord(before: position) == isWord(at: position)
    }
  }
}
