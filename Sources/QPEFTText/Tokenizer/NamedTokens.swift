internal import QPEFTJSON

/// Added tokens that stand beside `tokenizer.json`, in other files of a model directory. transformers adds them to the
/// tokenizer that it has read; here they are put into the file's own list before it is read.
struct NamedTokens {
  /// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`; null where there is none.
  let settings, map, added: JSONValue

  /// The tokenizer with their tokens among its `added_tokens`: what `added_tokens_decoder` says of a token comes before what
  /// the file says; special tokens that are only named are taken if the vocabulary has them.
  func merged(into tokenizer: JSONValue) -> JSONValue {
    guard var file = tokenizer.object else { return tokenizer }
    var tokens = file["added_tokens"]?.array ?? []
    func place(of content: String) -> Int? { tokens.firstIndex { $0["content"]?.string == content } }
    var isChanged = false
    for (id, token) in described {
      guard let content = token["content"]?.string, var entry = token.object else { continue }
      let index = place(of: content)
      entry["id"] = index.flatMap { tokens[$0]["id"] } ?? .integer(id)
      if let index, tokens[index].hasFlags(of: token) { continue }
      if let index { tokens[index] = .object(entry) } else { tokens.append(.object(entry)) }
      isChanged = true
    }
    let vocabulary = file["model"]?["vocab"]
    for token in named {
      guard let content = token["content"]?.string, place(of: content) == nil,
        let id = vocabulary?.id(of: content), var entry = token.object
      else { continue }
      (entry["id"], entry["special"]) = (.integer(id), true)
      tokens.append(.object(entry))
      isChanged = true
    }
    guard isChanged else { return tokenizer }
    file["added_tokens"] = .array(tokens)
    return .object(file)
  }

  /// Tokens with their ids: `added_tokens_decoder`, and `added_tokens.json` for those that it lacks.
  private var described: [(id: Int, token: JSONValue)] {
    let decoder = (settings["added_tokens_decoder"]?.object?.members ?? []).compactMap { key, token in
      Int(key).map { (id: $0, token: token) }
    }
    if !decoder.isEmpty { return decoder.sorted { $0.id < $1.id } }
    return (added.object?.members ?? []).compactMap { content, id in
      id.integer.map { (id: $0, token: ["content": .string(content), "normalized": true]) }
    }
  }

  /// Tokens with a role, and more special ones, each as an object with its content.
  private var named: [JSONValue] {
    let roles = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map { "\($0)_token" }
    let lists = ["additional_special_tokens", "extra_special_tokens"]
    return [settings, map].flatMap { source in
      roles.compactMap { source[$0] } + lists.flatMap { source[$0]?.array ?? [] }
    }.map { value in value.string.map { ["content": .string($0)] } ?? value }
  }
}

extension JSONValue {
  /// The id of a token in a `vocab`: an object, or a list of pieces with their scores.
  fileprivate func id(of content: String) -> Int? {
    object?[content]?.integer ?? array?.firstIndex { $0.array?.first?.string == content }
  }

  /// Whether two added tokens are found in a text in the same way.
  fileprivate func hasFlags(of other: JSONValue) -> Bool {
    ["special", "normalized", "single_word", "lstrip", "rstrip"].allSatisfy {
      (self[$0]?.bool ?? false) == (other[$0]?.bool ?? false)
    }
  }
}
