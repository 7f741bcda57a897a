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
