internal import QPEFTJSON

/// A value inside of a template, with the meaning that Python gives it.
indirect enum TemplateValue: Sendable {
  /// A name or member that does not exist; the text says which, for errors.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  /// A text that `safe` or `escape` marked: what is added to it is escaped.
  case markup(String)
  case list([TemplateValue])
  case tuple([TemplateValue])
  /// A range or a dictionary's keys, values or items: a sequence that prints in its own way.
  case view(TemplateView)
  case dictionary([(key: TemplateValue, value: TemplateValue)])
  // Things with a state, by their number in the renderer.
  case namespace(Int)
  /// What `map`, `select` and their like give: it can be gone over once.
  case generator(Int)
  case cycler(Int)
  case joiner(Int)
  case macro(Int)
  case loop(TemplateLoop)
  /// A built-in function, or a method bound to its value.
  case function(String)
  case method(TemplateValue, String)

  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .integer(let number): self = .integer(number)
    case .number(let number): self = .float(number)
    case .string(let text): self = .string(text)
    case .array(let elements): self = .list(elements.map(TemplateValue.init))
    case .object(let object): self = .dictionary(object.members.map { (.string($0.key), TemplateValue($0.value)) })
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let flag): flag
    case .integer(let number): number != 0
    case .float(let number): number != 0
    case .string(let text), .markup(let text): !text.isEmpty
    case .dictionary(let items): !items.isEmpty
    default: items?.isEmpty != true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  var string: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  /// The items of a list, a tuple or a view.
  var items: [TemplateValue]? {
    switch self {
    case .list(let items), .tuple(let items): items
    case .view(let view): view.items
    default: nil
    }
  }

  /// Itself with the members of its dictionaries in the order of their keys, as `pprint` shows them.
  var sortedByKey: TemplateValue {
    switch self {
    case .list(let items): .list(items.map(\.sortedByKey))
    case .tuple(let items): .tuple(items.map(\.sortedByKey))
    case .dictionary(let items):
      .dictionary(
        items.map { ($0.key, $0.value.sortedByKey) }.sorted { $0.key.isLess(than: $1.key) ?? false })
    default: self
    }
  }

  /// Bytes of a text, or of the items of a list; nothing for what holds none.
  var size: Int { string?.utf8.count ?? items.map { $0.count * MemoryLayout<TemplateValue>.stride } ?? 0 }

  /// The number it is; booleans count as 0 and 1, as in Python.
  var number: Double? {
    switch self {
    case .bool(let flag): flag ? 1 : 0
    case .integer(let number): Double(number)
    case .float(let number): number
    default: nil
    }
  }

  var integer: Int? {
    switch self {
    case .bool(let flag): flag ? 1 : 0
    case .integer(let number): number
    default: nil
    }
  }

  /// What it is called in errors.
  var kind: String {
    switch self {
    case .undefined: "undefined"
    case .none: "none"
    case .bool: "a boolean"
    case .integer, .float: "a number"
    case .string, .markup: "a string"
    case .list: "a list"
    case .tuple: "a tuple"
    case .view(let view): view.kind
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .generator: "a generator"
    case .cycler: "a cycler"
    case .joiner: "a joiner"
    case .macro: "a macro"
    case .function, .method: "a function"
    case .loop: "a loop"
    }
  }
}

/// A sequence that is neither list nor tuple.
struct TemplateView: Sendable {
  enum Form: Sendable, Equatable {
    case range(start: Int, stop: Int, step: Int)
    case keys, values, items
    /// A pair of `groupby`: `grouper` and `list`.
    case group
  }

  var form: Form
  var items: [TemplateValue]

  /// Whether it has items by number, which Python's views of dictionaries have not.
  var isIndexed: Bool {
    switch form {
    case .range, .group: true
    case .keys, .values, .items: false
    }
  }

  var kind: String {
    switch form {
    case .range: "a range"
    case .keys, .values, .items: "a view of a dictionary"
    case .group: "a group"
    }
  }

  /// As Python prints it.
  var representation: String {
    let list = TemplateValue.list(items).representation
    switch form {
    case .range(let start, let stop, let step): return "range(\(start), \(stop)\(step == 1 ? "" : ", \(step)"))"
    case .keys: return "dict_keys(\(list))"
    case .values: return "dict_values(\(list))"
    case .items: return "dict_items(\(list))"
    case .group: return TemplateValue.tuple(items).representation
    }
  }
}

/// What `loop` knows inside of a `for`.
struct TemplateLoop: Sendable {
  /// Which loop it is, of all that ran.
  var id: Int
  var index = 0
  var items: [TemplateValue]
  /// How often a recursive loop called itself.
  var depth = 0

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .integer(index + 1)
    case "index0": .integer(index)
    case "revindex": .integer(items.count - index)
    case "revindex0": .integer(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .integer(items.count)
    case "depth": .integer(depth + 1)  // Counts recursion, not nesting.
    case "depth0": .integer(depth)
    case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
    case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
    case "cycle", "changed": .method(.loop(self), name)
    default: nil
    }
  }
}
