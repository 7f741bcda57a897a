internal import QPEFTJSON

/// All that a model directory says about text: tokenizer, chat template, and the tokens that begin, end and pad.
public struct ChatTokenizer: Sendable {
  /// The tokenizer.
  public let tokenizer: Tokenizer
  /// The chat template, if the model has one.
  public let template: ChatTemplate?
  /// The token that begins a text, if the model has one.
  public let bosID: Int32?
  /// The token that ends a text.
  public let eosID: Int32?
  /// All tokens that end an answer, ``eosID`` first.
  public let eosIDs: [Int32]
  /// The token for padding; the end token where the model has none of its own.
  public let padID: Int32?
  /// A BOS that the configuration wants before a text and the tokenizer's post-processor does not put there.
  let addedBOS: Int32?

  /// A tokenizer with its special tokens.
  public init(
    tokenizer: Tokenizer, template: ChatTemplate? = nil, bosID: Int32? = nil, eosIDs: [Int32] = [],
    padID: Int32? = nil, addsBOS: Bool = false
  ) {
    self.tokenizer = tokenizer
    self.template = template
    self.bosID = bosID
    self.eosIDs = eosIDs
    eosID = eosIDs.first
    self.padID = padID ?? eosIDs.first
    addedBOS = addsBOS ? bosID : nil
  }

  /// Reads `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`,
  /// `generation_config.json`, `config.json` and `chat_template.jinja` of a model directory; only the first must exist, or a
  /// SentencePiece `tokenizer.model` in its place.
  ///
  /// - Throws: ``TokenizerError`` or ``TemplateError``, naming file and remedy.
  public static func load(directory: String) throws -> ChatTokenizer {
    try load(ModelTextFiles(directory: directory))
  }

  /// The same from files in a directory or in memory.
  ///
  /// - Throws: ``TokenizerError`` or ``TemplateError``, naming file and remedy.
  public static func load(_ files: ModelTextFiles) throws -> ChatTokenizer {
    func json(_ name: String) throws(TokenizerError) -> JSONValue { try files.json(name) ?? .null }
    let settings = try json("tokenizer_config.json")
    let map = try json("special_tokens_map.json")
    let named = NamedTokens(settings: settings, map: map, added: try json("added_tokens.json"))
    let tokenizer = try tokenizer(files, settings, named)
    let generation = try json("generation_config.json")
    let config = try json("config.json")

    func special(_ role: String) -> String? {
      for source in [settings, map] {
        if let value = source[role], let text = value.string ?? value["content"]?.string { return text }
      }
      return nil
    }
    func id(_ role: String) throws(TokenizerError) -> Int32? {
      guard let text = special("\(role)_token") else { return nil }
      guard let id = tokenizer.id(ofToken: text) else { throw .unknownSpecialToken(text, role: role) }
      return id
    }
    func ids(_ value: JSONValue?) -> [Int32] {
      (value?.array ?? value.map { [$0] } ?? []).compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
    }
    var ends: [Int32] = []
    for id in [try id("eos")].compactMap({ $0 }) + ids(generation["eos_token_id"]) + ids(config["eos_token_id"])
    where !ends.contains(id) { ends.append(id) }

    var variables: [String: JSONValue] = [:]
    for role in ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] {
      if let text = special("\(role)_token") { variables["\(role)_token"] = .string(text) }
    }
    let bos = try id("bos") ?? ids(config["bos_token_id"]).first
    let pad = try id("pad") ?? ids(config["pad_token_id"]).first
    return ChatTokenizer(
      tokenizer: tokenizer,
      template: try templateSources(settings, files).map {
        try ChatTemplate($0.text, variables: variables, toolUse: $0.toolUse)
      },
      bosID: bos, eosIDs: ends, padID: pad,
      addsBOS: settings["add_bos_token"]?.bool == true && tokenizer.prefixIDs.isEmpty)
  }

  private static func tokenizer(
    _ files: ModelTextFiles, _ settings: JSONValue, _ named: NamedTokens
  ) throws(TokenizerError) -> Tokenizer {
    if let vocabulary = try files.json("tokenizer.json") { return try Tokenizer(json: named.merged(into: vocabulary)) }
    guard let model = try files.bytes("tokenizer.model") else {
      throw .missingFile(directory: files.place, file: "tokenizer.json")
    }
    let vocabulary = try SentencePieceVocabulary.json(model, file: "tokenizer.model")
    var tokenizer = try Tokenizer(json: named.merged(into: vocabulary), file: "tokenizer.model")
    if settings["add_bos_token"]?.bool == false { tokenizer.prefix = [] }
    return tokenizer
  }

  /// A file of its own comes before the configuration; of several named templates, the default, and that for chats with
  /// tools.
  private static func templateSources(
    _ settings: JSONValue, _ files: ModelTextFiles
  ) throws(TokenizerError) -> (text: String, toolUse: String?)? {
    if let text = try files.bytes("chat_template.jinja") {
      let toolUse = try files.bytes("additional_chat_templates/tool_use.jinja")
      return (String(decoding: text, as: UTF8.self), toolUse.map { String(decoding: $0, as: UTF8.self) })
    }
    if let text = try files.json("chat_template.json")?["chat_template"]?.string { return (text, nil) }
    if let text = settings["chat_template"]?.string { return (text, nil) }
    let named = settings["chat_template"]?.array ?? []
    func text(_ name: String) -> String? { named.first { $0["name"]?.string == name }?["template"]?.string }
    return (text("default") ?? named.first?["template"]?.string).map { ($0, text("tool_use")) }
  }

  /// Ids of a text as a model sees it, with the tokens around it that the model wants.
  public func encode(_ text: String) -> [Int32] {
    var workspace = Tokenizer.Workspace(tokenizer)
    return encode(text, &workspace)
  }

  /// Ids of one text of many, with the tokens around it that the model wants, or without.
  public func encode(
    _ text: String, addSpecialTokens: Bool = true, _ workspace: inout Tokenizer.Workspace
  ) -> [Int32] {
    let ids = tokenizer.encode(text, addSpecialTokens: addSpecialTokens, &workspace)
    guard addSpecialTokens, let bos = addedBOS, ids.first != bos else { return ids }
    return [bos] + ids
  }

  /// Ids of a chat up to where the model's answer begins.
  ///
  /// - Throws: ``TemplateError``; also where the model has no template.
  public func encodeChat(
    _ messages: [(role: String, content: String)], addGenerationPrompt: Bool = true
  ) throws(TemplateError) -> [Int32] {
    guard let template else {
      throw TemplateError(.evaluation, "the model has no chat template", TemplatePlace())
    }
    let values = messages.map {
      JSONValue.object(JSONObject([("role", .string($0.role)), ("content", .string($0.content))]))
    }
    let text = try template.render(values, addGenerationPrompt: addGenerationPrompt).text
    return tokenizer.encode(text, addSpecialTokens: false)
  }
}
