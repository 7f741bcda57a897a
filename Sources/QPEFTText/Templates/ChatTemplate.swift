public import Foundation
public import QPEFTJSON

/// A model's chat template: the Jinja text that turns messages into the text the model was trained on.
///
/// Renders as `apply_chat_template` of transformers does, with its settings and functions (`raise_exception`,
/// `strftime_now`, `tojson` without HTML escapes, `{% generation %}`). Errors carry line and column.
public struct ChatTemplate: Sendable {
  /// The template as written.
  public let source: String
  private let nodes: [TemplateNode]
  /// What is rendered where tools are given, or why it cannot be read.
  private let toolUse: Result<[TemplateNode], TemplateError>?
  private let variables: [String: TemplateValue]

  /// What a template made of some messages.
  public struct Rendering: Sendable, Equatable {
    /// The rendered text.
    public var text: String
    /// UTF-8 ranges of the text inside of `{% generation %}` blocks; empty for templates that have none.
    public var generations: [Range<Int>]
  }

  /// Reads a template.
  ///
  /// - Parameters:
  ///   - variables: what it may use beside the messages, such as `bos_token`.
  ///   - toolUse: the template for chats with tools, where the model has one of its own (`tool_use`). What is wrong in it is
  ///     said when it is used.
  /// - Throws: ``TemplateError`` where the template is not valid or uses what is not known here.
  public init(
    _ source: String, variables: [String: JSONValue] = [:], toolUse: String? = nil
  ) throws(TemplateError) {
    self.source = source
    nodes = try Self.nodes(source)
    self.toolUse = toolUse.map { other in
      Result { () throws(TemplateError) in try Self.nodes(other) }
    }
    self.variables = variables.mapValues(TemplateValue.init)
  }

  private static func nodes(_ source: String) throws(TemplateError) -> [TemplateNode] {
    var parser = try TemplateParser(source)
    return try parser.template()
  }

  /// Renders messages.
  ///
  /// - Parameters:
  ///   - messages: objects with `role`, `content` and whatever else the template reads.
  ///   - addGenerationPrompt: whether the text ends with what precedes an answer of the model.
  ///   - tools: descriptions of tools, for templates that know them.
  ///   - variables: more variables for the template, such as `enable_thinking`.
  ///   - now: the time for `strftime_now`; the present if nil.
  public func render(
    _ messages: [JSONValue], addGenerationPrompt: Bool = false, tools: [JSONValue]? = nil,
    variables: [String: JSONValue] = [:], now: Date? = nil
  ) throws(TemplateError) -> Rendering {
    var globals = self.variables
    globals["messages"] = .list(messages.map { TemplateValue(Self.normalized($0)) })
    globals["add_generation_prompt"] = .bool(addGenerationPrompt)
    globals["tools"] = tools.map { .list($0.map(TemplateValue.init)) } ?? TemplateValue.none
    globals["documents"] = TemplateValue.none
    for (name, value) in variables { globals[name] = TemplateValue(value) }
    var renderer = TemplateRenderer(globals: globals) { Self.format($0, now ?? Date()) }
    let text = try renderer.render(tools == nil ? nodes : toolUse?.get() ?? nodes)
    return Rendering(text: text, generations: renderer.generations)
  }

  /// A message as transformers hands it on: without fields that are null, and with reasoning under all of its names.
  private static func normalized(_ message: JSONValue) -> JSONValue {
    guard case .object(let given) = message else { return message }
    var members = given.members.filter { !$0.value.isNull }
    let reasoning = ["reasoning_content", "thinking", "reasoning"].lazy
      .compactMap { name in members.last { $0.key == name }?.value }.first
    if let reasoning {
      let thinking = members.last { $0.key == "thinking" }?.value ?? reasoning
      members = [("thinking", thinking)] + members.filter { $0.key != "thinking" }
      if !members.contains(where: { $0.key == "reasoning_content" }) {
        members.append(("reasoning_content", reasoning))
      }
    }
    return .object(JSONObject(members))
  }

  /// `strftime` in the local time zone.
  private static func format(_ format: String, _ date: Date) -> String {
    var seconds = time_t(date.timeIntervalSince1970)
    var parts = tm()
    localtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 1024)
    let count = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
