internal import QPEFTJSON
package import QPEFTText

/// What Ollama reads beside a GGUF file: where it is, how a conversation is put into words, where an answer ends.
///
/// Ollama has templates of its own, in Go's language, and does not run the model's. What the model's template writes around each
/// role's words is found by rendering conversations with it, put into Go's language, and compared on a longer conversation; a
/// template that is more than words around words is left out, and the file says so.
struct OllamaModelfile {
  let text: String

  init(_ text: ChatTokenizer, file: String) {
    var lines = ["FROM ./\(file)"]
    if let template = text.template {
      if var turns = ChatTurns(template) {
        turns.drop(text.startToken)
        lines.append("TEMPLATE \"\"\"\(turns.goTemplate)\"\"\"")
        if let system = turns.defaultSystem { lines.append("SYSTEM \"\"\"\(system)\"\"\"") }
      } else {
        lines.append("# The model's chat template is more than words around turns. Write a TEMPLATE for it by hand:")
        lines.append("# https://docs.ollama.com/template")
      }
    } else {
      lines.append("TEMPLATE \"\"\"{{ .Prompt }}\"\"\"")
    }
    for id in text.eosIDs {
      let token = text.tokenizer.decode([id], skipSpecialTokens: false)
      if !token.isEmpty { lines.append("PARAMETER stop \(JSONValue.quoted(token))") }
    }
    self.text = lines.joined(separator: "\n") + "\n"
  }
}

/// What a chat template writes before and behind the words of each role.
package struct ChatTurns {
  private struct Frame: Equatable {
    var before, behind: String
  }

  /// What stands before everything.
  private var start = ""
  private var system: Frame?
  private var user = Frame(before: "", behind: ""), assistant = Frame(before: "", behind: "")
  /// The system's words where a conversation has none of its own.
  package private(set) var defaultSystem: String?

  /// Finds the frames, or nil for a template that does more than put words around turns.
  package init?(_ template: ChatTemplate) {
    func render(_ turns: [(String, String)], prompt: Bool = false) -> String? {
      let messages = turns.map { JSONValue.object(["role": .string($0.0), "content": .string($0.1)]) }
      return try? template.render(messages, addGenerationPrompt: prompt).text
    }
    func parts(_ turns: [(String, String)], prompt: Bool = false) -> [String]? {
      guard var rest = render(turns, prompt: prompt) else { return nil }
      var parts: [String] = []
      for (_, words) in turns {
        guard let range = rest.firstRange(of: words) else { return nil }
        parts.append(String(rest[..<range.lowerBound]))
        rest = String(rest[range.upperBound...])
      }
      return parts + [rest]
    }
    let (s, u, a, v) = ("Qsystem0", "Quser1", "Qassistant2", "Quser3")
    guard let question = parts([("user", u)]), let asked = parts([("user", u)], prompt: true),
      let answered = parts([("user", u), ("assistant", a), ("user", v)]),
      question[1].isEmpty || asked[1].hasPrefix(question[1])
    else { return nil }
    user.behind = question[1]
    assistant.before = String(asked[1].dropFirst(question[1].count))
    guard answered[1] == user.behind + assistant.before else { return nil }
    let frames = parts([("system", s), ("user", u)])
    // The user's frame as it stands behind an answer; how much of that ends the answer shows in a conversation that ends so.
    guard let ended = parts([("user", u), ("assistant", a)]), answered[2].hasPrefix(ended[2]) else { return nil }
    assistant.behind = ended[2]
    user.before = String(answered[2].dropFirst(ended[2].count))
    guard question[0].hasSuffix(user.before) else { return nil }
    start = String(question[0].dropLast(user.before.count))
    if let frames, let alone = parts([("system", s)]), frames[1].hasPrefix(alone[1]), frames[1].hasSuffix(user.before) {
      let behind = String(frames[1].dropLast(user.before.count))
      if frames[0].hasPrefix(start) || !start.hasPrefix(frames[0]) || !start.hasSuffix(behind) {
        system = Frame(before: String(frames[0].dropFirst(start.count)), behind: behind)
      } else {
        // A system message of the template's own stands where none is given.
        defaultSystem = String(start.dropFirst(frames[0].count).dropLast(behind.count))
        system = Frame(before: frames[0], behind: behind)
        start = ""
      }
    }
    let talk = [("user", u), ("assistant", a), ("user", v)]
    for turns in [talk, system == nil ? talk : [("system", s)] + talk] {
      guard render(turns, prompt: true) == write(turns) else { return nil }
    }
    // Three quotes would end the text in the Modelfile, and what follows would be its next lines.
    guard ![goTemplate, defaultSystem ?? ""].contains(where: { $0.contains("\"\"\"") || $0.hasSuffix("\"") }) else {
      return nil
    }
  }

  /// Leaves out a token that the reader of the template puts before every text itself.
  package mutating func drop(_ token: String?) {
    guard let token, !token.isEmpty else { return }
    if start.hasPrefix(token) {
      start.removeFirst(token.count)
    } else if start.isEmpty, let before = system?.before, before.hasPrefix(token) {
      system?.before.removeFirst(token.count)
    }
  }

  /// What the frames make of a conversation: what Ollama will make of it.
  private func write(_ turns: [(String, String)]) -> String {
    var text = start
    if let defaultSystem, let system, turns.first?.0 != "system" {
      text += system.before + defaultSystem + system.behind
    }
    for (role, words) in turns {
      let frame = role == "system" ? system ?? user : role == "user" ? user : assistant
      text += frame.before + words + frame.behind
    }
    return text + assistant.before
  }

  /// The same in Go's language.
  package var goTemplate: String {
    func turn(_ role: String, _ frame: Frame) -> String {
      "if eq .Role \"\(role)\" }}\(Self.escaped(frame.before)){{ .Content }}\(Self.escaped(frame.behind)){{ "
    }
    var text = Self.escaped(start) + "{{ range .Messages }}{{ "
    if let system { text += turn("system", system) + "else " }
    text += turn("user", user) + "else " + turn("assistant", assistant) + "end }}{{ end }}"
    return text + Self.escaped(assistant.before)
  }

  /// Braces of the text itself are told apart from those of the language.
  private static func escaped(_ text: String) -> String { text.replacing("{{", with: "{{ \"{{\" }}") }
}

extension ChatTokenizer {
  /// The token that stands before every text, if one does: llama.cpp and Ollama put it there too.
  fileprivate var startToken: String? {
    guard let bosID, encode("a").first == bosID else { return nil }
    return tokenizer.decode([bosID], skipSpecialTokens: false)
  }
}
