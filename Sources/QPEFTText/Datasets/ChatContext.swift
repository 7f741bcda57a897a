internal import QPEFTJSON

/// What a row gives its chat template beside the messages: `tools`, and under `chat_template_kwargs` whatever else the
/// template knows, such as `enable_thinking` or `documents`.
struct ChatContext: Sendable {
  var tools: [JSONValue]?
  var variables: [String: JSONValue] = [:]

  init() {}

  init(_ object: JSONObject, file: String, line: Int) throws(DatasetError) {
    func wrong(_ field: String, _ expected: String, _ value: JSONValue) -> DatasetError {
      .wrongType(file: file, line: line, field: field, expected: expected, found: value.kind)
    }
    if let value = object["tools"], !value.isNull {
      guard let list = value.array else { throw wrong("tools", "an array", value) }
      // Some datasets name no tools by an empty list.
      tools = list.isEmpty ? nil : list
    }
    if let value = object["chat_template_kwargs"], !value.isNull {
      guard let members = value.object?.members else { throw wrong("chat_template_kwargs", "an object", value) }
      for (name, value) in members { variables[name] = value }
    }
  }
}

extension ChatTemplate {
  func render(
    _ messages: [JSONValue], _ context: ChatContext, addGenerationPrompt: Bool = false
  ) throws(TemplateError) -> Rendering {
    try render(
      messages, addGenerationPrompt: addGenerationPrompt, tools: context.tools, variables: context.variables)
  }
}
