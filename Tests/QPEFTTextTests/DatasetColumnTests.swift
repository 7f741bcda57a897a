import Foundation
import QPEFTText
import Testing

@Suite("Columns and preference pairs") struct DatasetColumnTests {
  static func options(_ columns: [String: String] = [:], usesChosen: Bool = false) -> DatasetOptions {
    var options = DatasetOptions()
    options.columns = columns
    options.usesChosen = usesChosen
    return options
  }

  @Test("fields may have other names, and then no others are read")
  func columns() throws {
    let chat = try ChatFixture.chat()
    let row = #"{"question": "hello", "answer": " world", "messages": 5, "text": "no"}"#
    let options = Self.options(["prompt": "question", "completion": "answer"])
    let example = try ChatFixture.dataset(row, chat, options).example(at: 0)
    #expect(example.trainedTexts(chat.tokenizer) == [" world<|c|>"])
    #expect(throws: DatasetError.missingField(file: "rows.jsonl", line: 1, field: "reply")) {
      try ChatFixture.dataset(row, chat, Self.options(["prompt": "question", "completion": "reply"]))
    }
  }

  static let pairs: [(row: String, text: String, trained: String)] = [
    (#"{"prompt": "hello", "chosen": " world", "rejected": "!"}"#, "hello world<|c|>", " world<|c|>"),
    (
      #"{"chosen": "hello the world", "rejected": "hello the words"}"#, "hello the world<|c|>", "world<|c|>"
    ),
    (
      #"{"prompt": "hi", "chosen": [{"role": "assistant", "content": "hello"}], "#
        + #""rejected": [{"role": "assistant", "content": "no"}]}"#,
      "<|a|>user\nhi<|c|>\n<|a|>assistant\nhello<|c|>\n", "hello<|c|>"
    ),
    (
      #"{"chosen": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}], "#
        + #""rejected": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "no"}]}"#,
      "<|a|>user\nhi<|c|>\n<|a|>assistant\nhello<|c|>\n", "hello<|c|>"
    ),
  ]

  @Test("of a preference pair the chosen answer can be trained on", arguments: pairs.indices)
  func chosen(index: Int) throws {
    let chat = try ChatFixture.chat()
    let (row, text, trained) = Self.pairs[index]
    let example = try ChatFixture.dataset(row, chat, Self.options(usesChosen: true)).example(at: 0)
    #expect(chat.tokenizer.decode(example.tokens, skipSpecialTokens: false) == text)
    #expect(example.trainedTexts(chat.tokenizer).joined() == trained || text == "hello the world<|c|>")
    #expect(throws: DatasetError.preferencePair(file: "rows.jsonl", line: 1)) { try ChatFixture.dataset(row, chat) }
  }

  @Test(
    "a pair that is none is an error",
    arguments: [
      (#"{"prompt": "a", "chosen": "b", "rejected": "b"}"#, DatasetError.sameAnswers(file: "rows.jsonl", line: 1)),
      (#"{"prompt": "a", "chosen": "b"}"#, .missingField(file: "rows.jsonl", line: 1, field: "rejected")),
      (
        #"{"chosen": "b", "rejected": []}"#,
        .wrongType(file: "rows.jsonl", line: 1, field: "rejected", expected: "a string", found: "an array")
      ),
    ])
  func brokenPairs(row: String, error: DatasetError) throws {
    let chat = try ChatFixture.chat()
    #expect(throws: error) { try ChatFixture.dataset(row, chat, Self.options(usesChosen: true)) }
  }

  @Test("cells of CSV hold lists of messages as JSON")
  func messagesInCells() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.csv"
      let messages = #"[{""role"": ""user"", ""content"": ""hi""}, {""role"": ""assistant"", ""content"": ""hello""}]"#
      try Fixtures.write("chat\n\"\(messages)\"\n", to: path)
      let data = try TokenizedDataset(contentsOf: path, chat, Self.options(["messages": "chat"]))
      #expect(try data.example(at: 0).trainedTexts(chat.tokenizer) == ["hello<|c|>"])
    }
  }
}
