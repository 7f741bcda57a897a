/// The members of a JSON object in the order of the document. Keys are compared byte by byte.
///
/// Looking a key up takes time proportional to the number of members: large objects are to be walked, not asked.
public struct JSONObject: Sendable {
  /// Keys and values in order.
  public private(set) var members: [(key: String, value: JSONValue)]

  /// An object with members whose keys differ.
  public init(_ members: [(key: String, value: JSONValue)] = []) { self.members = members }

  /// An object with members of which a later one of the same key wins.
  init(withoutRepeats members: [(key: String, value: JSONValue)]) {
    self.init(members)
    guard firstRepeatedKey != nil else { return }
    var places: [KeyBytes: Int] = [:]
    self.members = []
    for member in members {
      if let place = places[KeyBytes(member.key)] {
        self.members[place].value = member.value
      } else {
        places[KeyBytes(member.key)] = self.members.count
        self.members.append(member)
      }
    }
  }

  /// Number of members.
  public var count: Int { members.count }

  /// The keys in order.
  public var keys: [String] { members.map(\.key) }

  /// The value of a key. Setting one in place, a new one behind the others; nil removes.
  public subscript(key: String) -> JSONValue? {
    get { members.last { $0.key.hasSameBytes(as: key) }?.value }
    set {
      let index = members.lastIndex { $0.key.hasSameBytes(as: key) }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append((key, value))
      case (nil, nil): break
      }
    }
  }

  /// A key that stands here twice.
  var firstRepeatedKey: String? {
    if members.count <= 16 {
      for index in members.indices.dropFirst() {
        let key = members[index].key
        if members[..<index].contains(where: { $0.key.hasSameBytes(as: key) }) { return key }
      }
      return nil
    }
    var seen = Set<KeyBytes>(minimumCapacity: members.count)
    return members.first { !seen.insert(KeyBytes($0.key)).inserted }?.key
  }
}

extension JSONObject: Hashable {
  /// The same members in the same order.
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.members.elementsEqual(b.members) { $0.key.hasSameBytes(as: $1.key) && $0.value == $1.value }
  }

  /// Hashes keys and values.
  public func hash(into hasher: inout Hasher) {
    for (key, value) in members {
      hasher.combine(KeyBytes(key))
      hasher.combine(value)
    }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// Members in this order; a later one of the same name wins.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(withoutRepeats: elements.map { ($0.0, $0.1) })
  }
}

/// A key by its bytes.
private struct KeyBytes: Hashable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (a: KeyBytes, b: KeyBytes) -> Bool { a.text.hasSameBytes(as: b.text) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension String {
  /// Equality of the UTF-8 bytes; `==` would take canonically equivalent texts for equal.
  package func hasSameBytes(as other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}
