/// Where a character that a reader sees ends: extended grapheme clusters of Unicode 16, as the `tokenizers` library cuts
/// them.
///
/// - Source: Unicode Standard Annex 29, rules GB3 to GB13.
enum GraphemeBreaks {
  private enum Kind: UInt8 {
    case other, control, extending, spacing, joiner, prepended, leading, vowel, trailing, syllable, closedSyllable
    case regional, pictograph
  }

  private static let conjunctConsonant: UInt8 = 0x20
  private static let conjunctLinker: UInt8 = 0x40
  private static let conjunctExtender: UInt8 = 0x80

  /// For each scalar its kind, and its part in conjuncts as bits.
  private static let kinds: [UInt8] = {
    var kinds = [UInt8](repeating: 0, count: 0x110000)
    func set(_ ranges: [ClosedRange<UInt32>], _ kind: Kind) {
      for range in ranges { for scalar in range { kinds[Int(scalar)] = kind.rawValue } }
    }
    func add(_ ranges: [ClosedRange<UInt32>], _ bit: UInt8) {
      for range in ranges { for scalar in range { kinds[Int(scalar)] |= bit } }
    }
    set(ScalarClass.ranges(NormalizerSetData.pictographs), .pictograph)
    set(ScalarClass.ranges(NormalizerSetData.controls), .control)
    set(ScalarClass.ranges(NormalizerSetData.prepended), .prepended)
    let spacing = ScalarSet(ranges: ScalarClass.ranges(NormalizerSetData.spacing))
    for range in ScalarClass.ranges(NormalizerSetData.attached) {
      for scalar in range {
        kinds[Int(scalar)] = (spacing.contains(scalar) ? Kind.spacing : .extending).rawValue
      }
    }
    kinds[0x200D] = Kind.joiner.rawValue
    set([0x1F1E6...0x1F1FF], .regional)
    set([0x1100...0x115F, 0xA960...0xA97C], .leading)
    set([0x1160...0x11A7, 0xD7B0...0xD7C6, 0x16D63...0x16D63, 0x16D67...0x16D6A], .vowel)
    set([0x11A8...0x11FF, 0xD7CB...0xD7FB], .trailing)
    set([0xAC00...0xD7A3], .closedSyllable)
    for scalar in stride(from: 0xAC00, through: 0xD7A3, by: 28) { kinds[scalar] = Kind.syllable.rawValue }
    add(ScalarClass.ranges(NormalizerSetData.conjunctConsonants), conjunctConsonant)
    add(ScalarClass.ranges(NormalizerSetData.conjunctLinkers), conjunctLinker)
    add(ScalarClass.ranges(NormalizerSetData.conjunctExtenders), conjunctExtender)
    return kinds
  }()

  /// The end of the character that starts at `start`.
  static func end(of text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    let first = text[start]
    if first < 0x80, start + 1 == text.count || text[start + 1] < 0x80 {
      return start + (first == 0x0D && start + 1 < text.count && text[start + 1] == 0x0A ? 2 : 1)
    }
    var cluster = Cluster()
    var position = start
    while position < text.count {
      let (scalar, length) = UTF8Coding.scalar(at: position, in: text)
      let bits = kinds[Int(scalar)]
      guard cluster.takes(Kind(rawValue: bits & 0x1F) ?? .other, bits, scalar) else { break }
      position += length
    }
    return position
  }

  /// What is known of a character while it grows.
  private struct Cluster {
    var last: Kind?
    var isCarriageReturn = false
    /// Regional indicators in a row at the end.
    var regionals = 0
    /// Ends in a pictograph and what extends it; and then a joiner.
    var isPictograph = false
    var isJoined = false
    /// Ends in a consonant and what extends it; and among that a linker.
    var isConjunct = false
    var isLinked = false

    mutating func takes(_ kind: Kind, _ bits: UInt8, _ scalar: UInt32) -> Bool {
      if let last, !joins(last, kind, bits, scalar) { return false }
      last = kind
      isCarriageReturn = scalar == 0x0D
      regionals = kind == .regional ? regionals + 1 : 0
      isJoined = isPictograph && kind == .joiner
      isPictograph = kind == .pictograph || isPictograph && kind == .extending
      if bits & conjunctConsonant != 0 {
        isConjunct = true
        isLinked = false
      } else if isConjunct, bits & conjunctLinker != 0 {
        isLinked = true
      } else if bits & conjunctExtender == 0 {
        isConjunct = false
      }
      return true
    }

    private func joins(_ last: Kind, _ kind: Kind, _ bits: UInt8, _ scalar: UInt32) -> Bool {
      if isCarriageReturn, scalar == 0x0A { return true }
      if last == .control || kind == .control { return false }
      switch kind {
      case .extending, .joiner, .spacing: return true
      default: break
      }
      if last == .prepended { return true }
      switch (last, kind) {
      case (.leading, .leading), (.leading, .vowel), (.leading, .syllable), (.leading, .closedSyllable): return true
      case (.syllable, .vowel), (.vowel, .vowel), (.syllable, .trailing), (.vowel, .trailing): return true
      case (.closedSyllable, .trailing), (.trailing, .trailing): return true
      case (.regional, .regional): return regionals % 2 == 1
      case (.joiner, .pictograph): return isJoined
      default: return bits & conjunctConsonant != 0 && isConjunct && isLinked
      }
    }
  }
}
