/// A set of Unicode scalars, as a character class of a pattern describes it.
///
/// A set is what its parts hold together, or all else if `isNegated`. ASCII is answered from two words of bits.
struct ScalarSet: Sendable {
  var categories: ScalarClass.Mask = 0
  var ranges: [ClosedRange<UInt32>] = []
  /// Nested sets, where a class holds a negated one such as `\S`.
  var nested: [ScalarSet] = []
  /// Sets that a scalar must be in as well (`[a&&b]`).
  var intersected: [ScalarSet] = []
  var isNegated = false
  private var asciiLow: UInt64 = 0
  private var asciiHigh: UInt64 = 0

  static func scalar(_ scalar: UInt32) -> ScalarSet { ScalarSet(ranges: [scalar...scalar]) }

  static let whitespace = ScalarSet(categories: ScalarClass.whitespace)
  static let digit = ScalarSet(categories: ScalarClass.mask(.nd))
  static let word = ScalarSet(
    categories: ScalarClass.word, ranges: ScalarClass.ranges(ScalarClassData.wordExtras))
  /// `\w` of the engine that looks around added tokens: without superscripts and fractions, with the joiners.
  static let addedTokenWord = ScalarSet(
    categories: ScalarClass.word,
    ranges: ScalarClass.ranges(ScalarClassData.wordExtras).filter { $0.lowerBound > 0xFF } + [0x200C...0x200D])
  /// What the `Digits` pre-tokenizer takes for numbers: those of a newer Unicode.
  static let numeric = ScalarSet(
    categories: ScalarClass.numbers, ranges: [0x11DE0...0x11DE9, 0x16FF4...0x16FF6])
  static let punctuation = ScalarSet(
    categories: ScalarClass.punctuation, ranges: ScalarClass.ranges(ScalarClassData.punctuationExtras),
    intersected: [
      ScalarSet(ranges: ScalarClass.ranges(ScalarClassData.punctuationMissing), isNegated: true)
    ])

  init(
    categories: ScalarClass.Mask = 0, ranges: [ClosedRange<UInt32>] = [], nested: [ScalarSet] = [],
    intersected: [ScalarSet] = [], isNegated: Bool = false
  ) {
    self.categories = categories
    self.ranges = ranges.sorted { $0.lowerBound < $1.lowerBound }
    self.nested = nested
    self.intersected = intersected
    self.isNegated = isNegated
    for scalar in 0..<UInt32(128) where search(scalar) {
      if scalar < 64 { asciiLow |= 1 << UInt64(scalar) } else { asciiHigh |= 1 << UInt64(scalar - 64) }
    }
  }

  @inline(__always)
  func containsASCII(_ byte: UInt8) -> Bool {
    (byte < 64 ? asciiLow >> UInt64(byte) : asciiHigh >> UInt64(byte & 63)) & 1 != 0
  }

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    scalar < 128 ? containsASCII(UInt8(truncatingIfNeeded: scalar)) : search(scalar)
  }

  private func search(_ scalar: UInt32) -> Bool {
    var found = categories != 0 && ScalarClass.shared.mask(of: scalar) & categories != 0
    if !found, !ranges.isEmpty { found = isInRanges(scalar) }
    if !found, !nested.isEmpty { found = nested.contains { $0.contains(scalar) } }
    if found, !intersected.isEmpty { found = intersected.allSatisfy { $0.contains(scalar) } }
    return found != isNegated
  }

  private func isInRanges(_ scalar: UInt32) -> Bool {
    if ranges.count < 8 { return ranges.contains { $0.contains(scalar) } }
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(scalar)
  }

  /// The scalars that differ from `scalar` by case only (simple folding), itself included.
  static func caseVariants(of scalar: UInt32) -> [UInt32] {
    guard let unicode = Unicode.Scalar(scalar) else { return [scalar] }
    var variants = [scalar]
    for mapping in [unicode.properties.lowercaseMapping, unicode.properties.uppercaseMapping] {
      let scalars = Array(mapping.unicodeScalars)
      if scalars.count == 1, !variants.contains(scalars[0].value) { variants.append(scalars[0].value) }
    }
    // The two letters outside of ASCII that fold to ASCII ones: long s and the Kelvin sign.
    for letters: [UInt32] in [[0x53, 0x73, 0x17F], [0x4B, 0x6B, 0x212A]] {
      guard letters.contains(scalar) else { continue }
      for letter in letters where !variants.contains(letter) { variants.append(letter) }
    }
    return variants
  }
}
