internal import QPEFTJSON

extension TemplateValue {
  /// Python's `==`.
  func equals(_ other: TemplateValue) -> Bool {
    if let left = integer, let right = other.integer { return left == right }
    if let left = number, let right = other.number { return left == right }
    if let left = string, let right = other.string { return left.hasSameBytes(as: right) }
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.list(let left), .list(let right)): return Self.equal(left, right)
    case (.tuple(let left), .tuple(let right)): return Self.equal(left, right)
    case (.view(let left), .view(let right)):
      if case .range = left.form, case .range = right.form { return Self.equal(left.items, right.items) }
      return left.form == right.form && left.form != .values && Self.equal(left.items, right.items)
    case (.view(let view), .tuple(let tuple)), (.tuple(let tuple), .view(let view)):
      return view.form == .group && Self.equal(view.items, tuple)
    case (.dictionary(let left), .dictionary(let right)):
      return left.count == right.count
        && left.allSatisfy { item in right.contains { $0.key.equals(item.key) && $0.value.equals(item.value) } }
    case (.namespace(let left), .namespace(let right)): return left == right
    case (.generator(let left), .generator(let right)): return left == right
    case (.cycler(let left), .cycler(let right)): return left == right
    case (.joiner(let left), .joiner(let right)): return left == right
    case (.macro(let left), .macro(let right)): return left == right
    default: return false
    }
  }

  private static func equal(_ left: [TemplateValue], _ right: [TemplateValue]) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { $0.equals($1) }
  }

  /// Python's `<`; nil for values that have no order.
  func isLess(than other: TemplateValue) -> Bool? {
    if let left = integer, let right = other.integer { return left < right }
    if let left = number, let right = other.number { return left < right }
    if let left = string, let right = other.string {
      return left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
    }
    let pair: ([TemplateValue], [TemplateValue])? =
      switch (self, other) {
      case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)): (left, right)
      case (.view(let left), .view(let right)) where left.form == .group && right.form == .group:
        (left.items, right.items)
      default: nil
      }
    guard let (left, right) = pair else { return nil }
    for (a, b) in zip(left, right) where !a.equals(b) { return a.isLess(than: b) }
    return left.count < right.count
  }

  /// The member of a dictionary.
  func member(_ key: TemplateValue) -> TemplateValue? {
    guard case .dictionary(let items) = self else { return nil }
    return items.last { $0.key.equals(key) }?.value
  }

  /// Whether Python would take it as a key: not what can change.
  var isKey: Bool {
    switch self {
    case .list, .dictionary: false
    case .tuple(let items): items.allSatisfy(\.isKey)
    default: true
    }
  }
}
