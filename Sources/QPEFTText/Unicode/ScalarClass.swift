/// The general category of every Unicode scalar, as the `tokenizers` library sees it.
///
/// The standard library's own categories follow the Unicode version of the toolchain; ids must not change with it.
struct ScalarClass: Sendable {
  /// General categories in the order of their letters in ``ScalarClassData``; `cw` are the control characters that are
  /// white space (U+0009...U+000D, U+0085), which are `Cc` too.
  enum Category: UInt8, CaseIterable {
    case lu, ll, lt, lm, lo, mn, mc, me, nd, nl, no, pc, pd, ps, pe, pi, pf, po, sm, sc, sk, so, zs, zl, zp, cc, cf, cs
    case co, cn, cw
  }

  /// A set of categories, one bit each.
  typealias Mask = UInt32

  static let letters = mask(.lu, .ll, .lt, .lm, .lo)
  static let marks = mask(.mn, .mc, .me)
  static let numbers = mask(.nd, .nl, .no)
  static let punctuation = mask(.pc, .pd, .ps, .pe, .pi, .pf, .po)
  static let symbols = mask(.sm, .sc, .sk, .so)
  static let separators = mask(.zs, .zl, .zp)
  static let others = mask(.cc, .cf, .cs, .co, .cn, .cw)
  static let whitespace = mask(.zs, .zl, .zp, .cw)
  static let word = letters | marks | mask(.nd, .nl, .pc)

  static func mask(_ categories: Category...) -> Mask {
    categories.reduce(0) { $0 | 1 << Mask($1.rawValue) }
  }

  /// The categories named as in `\p{…}`: `L`, `Lu`, `Letter`…; nil for a name that is none of them.
  static func mask(named name: String) -> Mask? {
    switch name.lowercased() {
    case "l", "letter": letters
    case "m", "mark": marks
    case "n", "number": numbers
    case "p", "punctuation": punctuation
    case "s", "symbol": symbols
    case "z", "separator": separators
    case "c", "other": others
    case "cc", "control": mask(.cc, .cw)
    case "lc": mask(.lu, .ll, .lt)
    case let short: Category.allCases.first { "\($0)" == short && $0 != .cw }.map { mask($0) }
    }
  }

  static let shared = ScalarClass()

  /// Where the block of 256 scalars starts in `categories`, in blocks; equal blocks are kept once.
  private let blocks: [UInt16]
  private let categories: [UInt8]

  private init() {
    let all = Self.unpack()
    var blocks: [UInt16] = []
    var categories: [UInt8] = []
    var known: [ArraySlice<UInt8>: UInt16] = [:]
    for start in stride(from: 0, to: all.count, by: 256) {
      let block = all[start..<start + 256]
      let place = known[block] ?? UInt16(categories.count / 256)
      if known.updateValue(place, forKey: block) == nil { categories.append(contentsOf: block) }
      blocks.append(place)
    }
    self.blocks = blocks
    self.categories = categories
  }

  private static func unpack() -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(0x110000)
    ScalarClassData.categories.withUTF8Buffer { text in
      var index = 0
      while index < text.count {
        let letter = text[index]
        let category = letter < UInt8(ascii: "a") ? letter - UInt8(ascii: "A") : letter - UInt8(ascii: "a") + 26
        index += 1
        var length = 0
        while index < text.count, text[index] <= UInt8(ascii: "9") {
          length = length * 10 + Int(text[index] - UInt8(ascii: "0"))
          index += 1
        }
        all.append(contentsOf: repeatElement(category, count: max(length, 1)))
      }
    }
    return all
  }

  /// The category of a scalar, as a mask of one bit.
  @inline(__always)
  func mask(of scalar: UInt32) -> Mask {
    1 << Mask(categories[Int(blocks[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)])
  }

  /// Ranges written as `24B6-24E9 E31 …`, as in ``ScalarClassData``.
  static func ranges(_ text: StaticString) -> [ClosedRange<UInt32>] {
    text.description.split(separator: " ").compactMap { item in
      let ends = item.split(separator: "-").compactMap { UInt32($0, radix: 16) }
      guard let first = ends.first, let last = ends.last, first <= last else { return nil }
      return first...last
    }
  }
}
