internal import QPEFTJSON
/// What a row of a dataset says.
enum DatasetRow {
  case text(String)
  case completion(prompt: String, completion: String)
  /// A chat; the first `given` messages are context only.
  case messages([JSONValue], given: Int, ChatContext)
  /// A task and its answer: a chat of one question where the model has a chat template.
  case instruction(system: String?, question: String, answer: String, ChatContext)

  init(_ object: JSONObject, _ options: DatasetOptions, file: String, line: Int) throws(DatasetError) {
    func field(_ name: String) -> JSONValue? { object[name].flatMap { $0.isNull ? nil : $0 } }
    func text(_ name: String, mayBeEmpty: Bool = false) throws(DatasetError) -> String {
      guard let value = field(name) else { throw .missingField(file: file, line: line, field: name) }
      guard let text = value.string else {
        throw .wrongType(file: file, line: line, field: name, expected: "a string", found: value.kind)
      }
      if text.isEmpty, !mayBeEmpty { throw .emptyField(file: file, line: line, field: name) }
      return text
    }
    func chat(_ name: String) throws(DatasetError) -> [JSONValue] {
      guard let value = field(name) else { throw .missingField(file: file, line: line, field: name) }
      return try Self.messages(value, name, file, line)
    }
    let context = try ChatContext(object, file: file, line: line)
    if field("chosen") != nil || field("rejected") != nil {
      let chosen = try Self.chosen(of: object, context, file: file, line: line)
      guard options.usesChosen else { throw .preferencePair(file: file, line: line) }
      self = chosen
    } else if field("messages") != nil {
      self = .messages(try chat("messages"), given: 0, context)
    } else if let turns = field("conversations") {
      let system = field("system")?.string.map { [Self.message("system", $0)] } ?? []
      self = .messages(system + (try Self.conversation(turns, file, line)), given: 0, context)
    } else if field("instruction") != nil {
      let input = try field("input").map { _ throws(DatasetError) in try text("input", mayBeEmpty: true) } ?? ""
      let question = try text("instruction") + (input.isEmpty ? "" : "\n\n" + input)
      self = .instruction(system: field("system")?.string, question: question, answer: try text("output"), context)
    } else if field("prompt")?.array != nil {
      let prompt = try chat("prompt")
      self = .messages(prompt + (try chat("completion")), given: prompt.count, context)
    } else if field("prompt") != nil || field("completion") != nil {
      self = .completion(prompt: try text("prompt", mayBeEmpty: true), completion: try text("completion"))
    } else if field("text") != nil {
      self = .text(try text("text"))
    } else {
      throw .unknownFields(file: file, line: line, fields: object.keys)
    }
  }

  /// Whether the chat template makes the row's text.
  func isChat(_ chat: ChatTokenizer) -> Bool {
    switch self {
    case .messages: true
    case .instruction: chat.template != nil
    case .text, .completion: false
    }
  }

  static func message(_ role: String, _ content: String) -> JSONValue {
    .object(JSONObject([("role", .string(role)), ("content", .string(content))]))
  }

  /// Turns as ShareGPT writes them, `{"from": "human", "value": "…"}`, as messages.
  private static func conversation(
    _ value: JSONValue, _ file: String, _ line: Int
  ) throws(DatasetError) -> [JSONValue] {
    guard let turns = value.array else {
      throw .wrongType(file: file, line: line, field: "conversations", expected: "an array", found: value.kind)
    }
    if turns.first?["role"] != nil { return try messages(value, "conversations", file, line) }
    let roles = [
      "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant", "assistant": "assistant",
      "model": "assistant", "system": "system", "tool": "tool", "observation": "tool",
    ]
    var result: [JSONValue] = []
    for (index, turn) in turns.enumerated() {
      let place = "conversations[\(index)]"
      guard let from = turn["from"] else { throw .missingField(file: file, line: line, field: "\(place).from") }
      guard let name = from.string, let role = roles[name.lowercased()] else {
        throw .wrongType(
          file: file, line: line, field: "\(place).from", expected: "human, gpt, system or tool",
          found: from.string.map { "'\($0)'" } ?? from.kind)
      }
      guard let content = turn["value"] else {
        throw .missingField(file: file, line: line, field: "\(place).value")
      }
      guard let text = content.string else {
        throw .wrongType(
          file: file, line: line, field: "\(place).value", expected: "a string", found: content.kind)
      }
      result.append(message(role, text))
    }
    return try messages(.array(result), "conversations", file, line)
  }

  static func messages(
    _ value: JSONValue, _ name: String, _ file: String, _ line: Int
  ) throws(DatasetError) -> [JSONValue] {
    guard let messages = value.array else {
      throw .wrongType(file: file, line: line, field: name, expected: "an array", found: value.kind)
    }
    if messages.isEmpty { throw .emptyField(file: file, line: line, field: name) }
    for (index, message) in messages.enumerated() {
      let place = "\(name)[\(index)]"
      guard message.object != nil else {
        throw .wrongType(file: file, line: line, field: place, expected: "an object", found: message.kind)
      }
      guard let role = message["role"] else { throw .missingField(file: file, line: line, field: "\(place).role") }
      guard let text = role.string else {
        throw .wrongType(file: file, line: line, field: "\(place).role", expected: "a string", found: role.kind)
      }
      if text.isEmpty { throw .emptyField(file: file, line: line, field: "\(place).role") }
      switch message["content"].flatMap({ $0.isNull ? nil : $0 }) {
      case nil:
        if message["tool_calls"] == nil {
          throw .missingField(file: file, line: line, field: "\(place).content")
        }
      case .string(let content):
        if content.isEmpty, text == "assistant", message["tool_calls"] == nil {
          throw .emptyField(file: file, line: line, field: "\(place).content")
        }
      case .array: break
      case .some(let other):
        throw .wrongType(file: file, line: line, field: "\(place).content", expected: "a string", found: other.kind)
      }
    }
    return messages
  }
}
