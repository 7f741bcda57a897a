/// What a row of a dataset says.
enum DatasetRow {
  case text(String)
  case completion(prompt: String, completion: String)
  /// A chat; the first `given` messages are context only.
  case messages([JSONValue], given: Int, tools: [JSONValue]?)

  init(_ object: JSONObject, file: String, line: Int) throws(DatasetError) {
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
    let tools = field("tools")?.array
    if field("messages") != nil {
      self = .messages(try chat("messages"), given: 0, tools: tools)
    } else if field("prompt")?.array != nil {
      let prompt = try chat("prompt")
      self = .messages(prompt + (try chat("completion")), given: prompt.count, tools: tools)
    } else if field("prompt") != nil || field("completion") != nil {
      self = .completion(prompt: try text("prompt", mayBeEmpty: true), completion: try text("completion"))
    } else if field("text") != nil {
      self = .text(try text("text"))
    } else {
      throw .unknownFields(file: file, line: line, fields: object.keys)
    }
  }

  private static func messages(
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
      switch message["content"] {
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
