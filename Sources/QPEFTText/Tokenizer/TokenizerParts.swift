package import QPEFTJSON

/// Parts of a `tokenizer.json` for vocabularies that come from other files.
package enum TokenizerParts {
  /// A token that stands around every text.
  package struct Token: Sendable {
    package var id: Int
    package var text: String

    package init(id: Int, text: String) {
      self.id = id
      self.text = text
    }
  }

  /// An entry of `added_tokens`.
  package static func addedToken(_ id: Int, _ content: String, isSpecial: Bool) -> JSONValue {
    [
      "id": .integer(id), "content": .string(content), "single_word": false, "lstrip": false, "rstrip": false,
      "normalized": false, "special": .bool(isSpecial),
    ]
  }

  /// The post-processor that puts tokens before and behind a text; null if there are none.
  package static func aroundText(before: Token?, behind: Token? = nil) -> JSONValue {
    if before == nil, behind == nil { return .null }
    func special(_ token: Token?, _ type: Int) -> [JSONValue] {
      token.map { [["SpecialToken": ["id": .string($0.text), "type_id": .integer(type)]]] } ?? []
    }
    func sequence(_ id: String, _ type: Int) -> [JSONValue] {
      let text: JSONValue = ["Sequence": ["id": .string(id), "type_id": .integer(type)]]
      return special(before, type) + [text] + special(behind, type)
    }
    var tokens = JSONObject()
    for token in [before, behind].compactMap({ $0 }) {
      tokens[token.text] = [
        "id": .string(token.text), "ids": [.integer(token.id)], "tokens": [.string(token.text)],
      ]
    }
    return [
      "type": "TemplateProcessing", "single": .array(sequence("A", 0)),
      "pair": .array(sequence("A", 0) + sequence("B", 1)), "special_tokens": .object(tokens),
    ]
  }
}
