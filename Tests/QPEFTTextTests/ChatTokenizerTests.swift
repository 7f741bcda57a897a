import Foundation
import QPEFTJSON
import QPEFTText
import Testing

@Suite("Model directories") struct ChatTokenizerTests {
  @Test("end tokens of all configuration files are known, the tokenizer's own first")
  func endTokens() throws {
    try Fixtures.withTemporaryDirectory { directory in
      try ChatFixture.write(to: directory)
      try Fixtures.write(#"{"eos_token_id": [3, 702], "bos_token_id": 1}"#, to: "\(directory)/generation_config.json")
      try Fixtures.write(#"{"eos_token_id": 5, "bos_token_id": 1}"#, to: "\(directory)/config.json")
      let chat = try ChatTokenizer.load(directory: directory)
      let end = try #require(chat.tokenizer.id(ofToken: "<|c|>"))
      #expect(chat.eosID == end)
      #expect(chat.eosIDs == [end, 3, 5])
      #expect(chat.bosID == 1)
      #expect(chat.padID == end)
      #expect(chat.template != nil)
    }
  }

  @Test("a template in tokenizer_config.json is found, alone or among named ones")
  func templateInConfig() throws {
    for value in [
      #""x{{ bos_token }}""#,
      #"[{"name": "tools", "template": "t"}, {"name": "default", "template": "x{{ bos_token }}"}]"#,
    ] {
      try Fixtures.withTemporaryDirectory { directory in
        try ChatFixture.write(to: directory, nil)
        try Fixtures.write(
          "{\"bos_token\": \"<|a|>\", \"chat_template\": \(value)}", to: "\(directory)/tokenizer_config.json")
        let chat = try ChatTokenizer.load(directory: directory)
        #expect(try chat.template?.render([]).text == "x<|a|>")
      }
    }
  }

  @Test("the template for tools is used where tools are given, and what is wrong in it is said then")
  func toolTemplate() throws {
    try Fixtures.withTemporaryDirectory { directory in
      try ChatFixture.write(to: directory, nil)
      func template(_ toolUse: String) throws -> ChatTemplate {
        let named = #"[{"name": "tool_use", "template": "\#(toolUse)"}, {"name": "default", "template": "x"}]"#
        try Fixtures.write("{\"chat_template\": \(named)}", to: "\(directory)/tokenizer_config.json")
        return try #require(try ChatTokenizer.load(directory: directory).template)
      }
      #expect(try template("t{{ tools | length }}").render([]).text == "x")
      #expect(try template("t{{ tools | length }}").render([], tools: ["f"]).text == "t1")
      #expect(try template("{{").render([]).text == "x")
      #expect(throws: TemplateError.self) { try template("{{").render([], tools: ["f"]) }

      try FileManager.default.createDirectory(
        atPath: "\(directory)/additional_chat_templates", withIntermediateDirectories: false)
      try Fixtures.write("y", to: "\(directory)/chat_template.jinja")
      try Fixtures.write("u", to: "\(directory)/additional_chat_templates/tool_use.jinja")
      let chat = try ChatTokenizer.load(directory: directory)
      #expect(try chat.template?.render([]).text == "y")
      #expect(try chat.template?.render([], tools: ["f"]).text == "u")
    }
  }

  @Test("added tokens that stand beside tokenizer.json alone are found in a text as one")
  func namedTokens() throws {
    try Fixtures.withTemporaryDirectory { directory in
      try ChatFixture.write(to: directory)
      let plain = try ChatTokenizer.load(directory: directory).tokenizer
      // A word of the vocabulary that merges do not find between other letters.
      let wordID = try #require(
        (300..<Int32(plain.vocabularySize)).first { id in
          let word = plain.decode([id])
          return word.allSatisfy { $0.isASCII && $0.isLetter } && !plain.encode("x\(word)x").contains(id)
        })
      let word = plain.decode([wordID])
      let next = Int32(plain.vocabularySize)
      func ids(_ settings: String, _ text: String, _ files: [String: String] = [:]) throws -> [Int32] {
        try Fixtures.write(settings, to: "\(directory)/tokenizer_config.json")
        for (name, text) in files { try Fixtures.write(text, to: "\(directory)/\(name)") }
        defer { for name in files.keys { try? FileManager.default.removeItem(atPath: "\(directory)/\(name)") } }
        return try ChatTokenizer.load(directory: directory).encode(text)
      }
      let text = "x\(word)x"
      #expect(try ids("{}", text) == plain.encode(text))
      // A role, a list, another file: the vocabulary has the token.
      #expect(try ids(#"{"eos_token": "\#(word)"}"#, text).contains(wordID))
      #expect(try ids(#"{"additional_special_tokens": ["\#(word)"]}"#, text).contains(wordID))
      let map = #"{"pad_token": {"content": "\#(word)"}}"#
      #expect(try ids("{}", text, ["special_tokens_map.json": map]).contains(wordID))
      // New ones bring their ids.
      #expect(try ids(#"{"added_tokens_decoder": {"\#(next)": {"content": "<new>"}}}"#, "x<new>").last == next)
      #expect(try ids("{}", "x<new>", ["added_tokens.json": #"{"<new>": \#(next)}"#]).last == next)
      // Flags of the configuration come first.
      let end = try #require(plain.id(ofToken: "<|c|>"))
      let strips = #"{"added_tokens_decoder": {"\#(end)": {"content": "<|c|>", "special": true, "lstrip": true}}}"#
      #expect(try ids(strips, "x  <|c|>") == plain.encode("x") + [end])
    }
  }

  @Test("a chat is encoded up to where the answer begins")
  func encodeChat() throws {
    let chat = try ChatFixture.chat()
    let ids = try chat.encodeChat([("user", "hi")])
    #expect(ids == chat.tokenizer.encode("<|a|>user\nhi<|c|>\n<|a|>assistant\n"))
  }

  @Test("a directory without a tokenizer, or with a special token that it lacks, is an error")
  func missing() throws {
    try Fixtures.withTemporaryDirectory { directory in
      #expect(throws: TokenizerError.missingFile(directory: directory, file: "tokenizer.json")) {
        try ChatTokenizer.load(directory: directory)
      }
      try ChatFixture.write(to: directory, end: "<|nothing|>")
      #expect(throws: TokenizerError.unknownSpecialToken("<|nothing|>", role: "eos")) {
        try ChatTokenizer.load(directory: directory)
      }
    }
  }

  @Test("a tokenizer with ids outside of the model's vocabulary is an error that names the first of them")
  func vocabularyCheck() throws {
    let tokenizer = try Fixtures.tokenizer("smollm")
    try tokenizer.check(vocabularySize: tokenizer.vocabularySize)
    #expect(throws: TokenizerError.vocabularyMismatch(token: "<|c|>", id: tokenizer.vocabularySize - 1, modelSize: 10))
    {
      try tokenizer.check(vocabularySize: 10)
    }
  }

  @Test(
    "parts of a tokenizer that are not known are named",
    arguments: [
      (#""model":{"type":"WordLevel"}"#, TokenizerError.unsupported(part: "model", kind: "WordLevel")),
      (
        #""model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}"#,
        TokenizerError.mergeOutsideVocabulary(rank: 0, token: "b")
      ),
      (
        #""model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Odd"}"#,
        TokenizerError.unsupported(part: "pre-tokenizer", kind: "Odd")
      ),
      (
        #""model":{"type":"BPE","vocab":{"a":-1},"merges":[]}"#,
        TokenizerError.malformed(file: "tokenizer.json", part: "'model.vocab'", reason: "gives 'a' no valid id")
      ),
      ("\"x\":1", TokenizerError.malformed(file: "tokenizer.json", part: "'model'", reason: "is missing")),
    ])
  func unknownParts(json: String, error: TokenizerError) throws {
    #expect(throws: error) { try Tokenizer(json: try JSONValue(parsing: "{\(json)}")) }
    #expect(!error.description.isEmpty && !error.remedy.isEmpty)
  }
}
