/// One way of cutting a text into the words that the model sees.
enum PreTokenizer: Sendable {
  /// What becomes of the matches of a splitting pattern.
  enum Behavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  enum PrependScheme: String, Sendable { case always, never, first }

  case split(Int, Behavior, isInverted: Bool)
  case each(ScalarSet, Behavior)
  /// A space before a text that does not begin with one.
  case prefixSpace
  case metaspace(replacement: [UInt8], PrependScheme, splits: Bool)

  /// A text and the ranges of it that are words.
  struct Words {
    var text: MappedText
    var ranges: [Range<Int>]
  }

  func apply(to words: inout Words, matchers: inout [PatternMatcher]) {
    switch self {
    case .split(let index, let behavior, let isInverted):
      refine(&words, behavior) { bytes, range, piece in
        matchers[index].forEachPiece(of: bytes, in: range) { piece($0, $1 != isInverted) }
      }
    case .each(let set, let behavior):
      refine(&words, behavior) { bytes, range, piece in Self.forEachPiece(set, bytes, range, piece) }
    case .prefixSpace:
      rewrite(&words) { range, text, result in
        if text.bytes[range.lowerBound] != 0x20 { result.append([0x20], from: range.lowerBound, of: text) }
        result.copy(range, of: text)
      }
    case .metaspace(let replacement, let scheme, let splits):
      metaspace(&words, replacement, scheme, splits)
    }
  }

  private static func forEachPiece(
    _ set: ScalarSet, _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ piece: (Range<Int>, Bool) -> Void
  ) {
    var done = range.lowerBound
    var position = range.lowerBound
    while position < range.upperBound {
      let (scalar, length) = UTF8Coding.scalar(at: position, in: bytes)
      if set.contains(scalar) {
        if done < position { piece(done..<position, false) }
        piece(position..<position + length, true)
        done = position + length
      }
      position += length
    }
    if done < range.upperBound { piece(done..<range.upperBound, false) }
  }

  /// Cuts every word further.
  private func refine(
    _ words: inout Words, _ behavior: Behavior,
    _ cut: (UnsafeBufferPointer<UInt8>, Range<Int>, (Range<Int>, Bool) -> Void) -> Void
  ) {
    var result: [Range<Int>] = []
    result.reserveCapacity(words.ranges.count + words.text.bytes.count / 4)
    words.text.bytes.withUnsafeBufferPointer { bytes in
      for range in words.ranges {
        let first = result.count
        var wasMatch = false
        cut(bytes, range) { piece, isMatch in
          let hasLast = result.count > first
          switch behavior {
          case .isolated: result.append(piece)
          case .removed: if !isMatch { result.append(piece) }
          case .contiguous:
            if isMatch == wasMatch, hasLast {
              result[result.count - 1] = result[result.count - 1].lowerBound..<piece.upperBound
            } else {
              result.append(piece)
            }
          case .mergedWithPrevious:
            if isMatch, !wasMatch, hasLast {
              result[result.count - 1] = result[result.count - 1].lowerBound..<piece.upperBound
            } else {
              result.append(piece)
            }
          case .mergedWithNext:
            // A match waits for its right neighbour; of several in a row, only the last one joins it.
            if wasMatch, !isMatch, hasLast {
              result[result.count - 1] = result[result.count - 1].lowerBound..<piece.upperBound
            } else {
              result.append(piece)
            }
          }
          wasMatch = isMatch
        }
      }
    }
    words.ranges = result
  }

  private func rewrite(
    _ words: inout Words, _ write: (Range<Int>, MappedText, inout MappedText.Builder) -> Void
  ) {
    var result = MappedText.Builder(like: words.text)
    var ranges: [Range<Int>] = []
    for range in words.ranges where !range.isEmpty {
      let start = result.count
      write(range, words.text, &result)
      ranges.append(start..<result.count)
    }
    words.text = result.finish(words.text, end: words.ranges.last?.upperBound)
    words.ranges = ranges
  }

  private func metaspace(_ words: inout Words, _ replacement: [UInt8], _ scheme: PrependScheme, _ splits: Bool) {
    rewrite(&words) { range, text, result in
      let begins = text.bytes[range].starts(with: replacement) || text.bytes[range.lowerBound] == 0x20
      let isFirst = text.origin(of: range.lowerBound) == 0
      if !begins, scheme == .always || scheme == .first && isFirst {
        result.append(replacement, from: range.lowerBound, of: text)
      }
      var done = range.lowerBound
      for position in range where text.bytes[position] == 0x20 {
        result.copy(done..<position, of: text)
        result.append(replacement, from: position, of: text)
        done = position + 1
      }
      result.copy(done..<range.upperBound, of: text)
    }
    guard splits, let scalar = UTF8Coding.scalars(of: replacement).first else { return }
    refine(&words, .mergedWithNext) { bytes, range, piece in
      Self.forEachPiece(.scalar(scalar), bytes, range, piece)
    }
  }
}
