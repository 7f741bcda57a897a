import QPEFTJSON
import QPEFTText
import Testing

/// Against `apply_chat_template` of transformers: Fixtures/text/make_templates.py.
@Suite("Chat templates") struct ChatTemplateGoldenTests {
  @Test("templates of every family, single features and random white space render as in transformers")
  func rendering() throws {
    let golden = try Fixtures.json("templates.golden.json")
    let special = try #require(golden["special"]?.object)
    let variables = Dictionary(uniqueKeysWithValues: special.members.map { ($0.key, $0.value) })
    let chats = try #require(golden["chats"]?.array)
    var failures: [String] = []
    for entry in try #require(golden["cases"]?.array) {
      let source = try #require(entry["template"]?.string)
      let chat = entry["messages"]?.integer ?? 0
      let messages = try #require(chats[chat].array)
      let more = entry["variables"]?.object?.members ?? []
      let expected = entry["text"]?.string
      do {
        let template = try ChatTemplate(source, variables: variables)
        let result = try template.render(
          messages, addGenerationPrompt: entry["generation"]?.bool ?? false, tools: entry["tools"]?.array,
          variables: Dictionary(uniqueKeysWithValues: more.map { ($0.key, $0.value) }))
        if Array(result.text.utf8) != expected.map({ Array($0.utf8) }) {
          failures.append(
            "\(source.suffix(300).debugDescription): \(result.text.debugDescription) for \(expected ?? "an error")")
        }
        if let spans = entry["generations"]?.array {
          let found = result.generations.map { range in
            [range.lowerBound, range.upperBound].map { Array(result.text.utf8)[..<$0] }.map {
              String(decoding: $0, as: UTF8.self).unicodeScalars.count
            }
          }
          #expect(found == spans.map { ($0.array ?? []).compactMap(\.integer) })
        }
      } catch {
        if let expected { failures.append("\(source.suffix(300).debugDescription): \(error) for \(expected)") }
      }
    }
    #expect(failures.isEmpty, "\(failures.count) of them:\n\(failures.prefix(40).joined(separator: "\n"))")
  }
}
