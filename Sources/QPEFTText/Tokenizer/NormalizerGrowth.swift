/// How much longer steps can make a text. Tokenizers come from strangers: eight steps that each write eight letters for one make
/// sixteen million of one.
extension Normalizer {
  /// Published tokenizers stay below a hundred.
  static let mostGrowth = 1024.0

  /// Bytes that one byte can become, at most; what is put before a text once is not counted.
  var growth: Double {
    switch self {
    case .none, .strip, .stripAccents: 1
    // Prepended once, but to the shortest of texts.
    case .prepend(let content): 1 + Double(content.count) / 16
    case .sequence(let steps): steps.reduce(1) { $0 * $1.growth }
    case .replace(let pattern, let content): pattern.growth(replacedBy: content)
    // U+0390 and U+FDFA are the scalars that decompose into most bytes.
    case .form(.nfc), .form(.nfd): 3
    case .form(.nfkc), .form(.nfkd): 11
    case .lowercase: 2
    // Spaces around ideographs of three bytes, small letters.
    case .bert: 4
    case .characterMap(let map): max(1, Double(map.longestReplacement))
    }
  }
}

extension TokenDecoder {
  /// Bytes that one byte of a token can become, at most.
  var growth: Double {
    if case .replace(let pattern, let content) = self { pattern.growth(replacedBy: content) } else { 1 }
  }
}

extension Pattern {
  /// Bytes that a byte of a match can become. Matches of nothing are not replaced.
  fileprivate func growth(replacedBy content: [UInt8]) -> Double {
    max(1, Double(content.count) / max(1, shortestMatch))
  }
}
