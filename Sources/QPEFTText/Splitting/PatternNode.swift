/// A regular expression as a tree.
indirect enum PatternNode {
  enum Greed { case greedy, lazy, possessive }

  case empty
  case set(ScalarSet)
  case sequence([PatternNode])
  case alternation([PatternNode])
  case loop(PatternNode, least: Int, most: Int, Greed)
  case lookAhead(PatternNode, isNegated: Bool)
  case lookBehind(ScalarSet, isNegated: Bool)
  case atomic(PatternNode)
  case anchor(Anchor)

  enum Anchor: Int32 { case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary }

  /// Whether it can match nothing.
  var canBeEmpty: Bool {
    switch self {
    case .empty, .lookAhead, .lookBehind, .anchor: true
    case .set: false
    case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
    case .alternation(let parts): parts.contains(where: \.canBeEmpty)
    case .loop(let body, let least, _, _): least == 0 || body.canBeEmpty
    case .atomic(let body): body.canBeEmpty
    }
  }

  /// Scalars of the shortest match.
  var shortestMatch: Double {
    switch self {
    case .empty, .lookAhead, .lookBehind, .anchor: 0
    case .set: 1
    case .sequence(let parts): parts.reduce(0) { $0 + $1.shortestMatch }
    case .alternation(let parts): parts.map(\.shortestMatch).min() ?? 0
    case .loop(let body, let least, _, _): Double(least) * body.shortestMatch
    case .atomic(let body): body.shortestMatch
    }
  }

  /// The sets of which a match must begin with one; nil where that cannot be said.
  var firstSets: [ScalarSet]? {
    switch self {
    case .empty, .lookAhead, .lookBehind, .anchor: return nil
    case .set(let set): return [set]
    case .atomic(let body): return body.firstSets
    case .loop(let body, let least, _, _): return least == 0 ? nil : body.firstSets
    case .alternation(let parts):
      var all: [ScalarSet] = []
      for part in parts {
        guard let sets = part.firstSets else { return nil }
        all += sets
      }
      return all
    case .sequence(let parts):
      var all: [ScalarSet] = []
      for part in parts {
        if case .lookAhead = part { continue }
        if case .lookBehind = part { continue }
        guard part.canBeEmpty else { return part.firstSets.map { all + $0 } }
        guard case .loop(let body, _, _, _) = part, let sets = body.firstSets else { return nil }
        all += sets
      }
      return nil
    }
  }
}
