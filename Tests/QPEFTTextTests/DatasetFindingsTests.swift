import QPEFTText
import Testing

@Suite("What is found in a dataset") struct DatasetFindingsTests {
  @Test("ShareGPT conversations are chats")
  func shareGPT() throws {
    let chat = try ChatFixture.chat()
    let row = """
      {"system": "Be brief.", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}
      """
    let example = try ChatFixture.dataset(row, chat).example(at: 0)
    let text = "<|a|>system\nBe brief.<|c|>\n<|a|>user\nhi<|c|>\n<|a|>assistant\nhello<|c|>\n"
    #expect(example.tokens == chat.tokenizer.encode(text))
    #expect(example.trainedTexts(chat.tokenizer) == ["hello<|c|>"])
    #expect(
      throws: DatasetError.wrongType(
        file: "rows.jsonl", line: 1, field: "conversations[0].from", expected: "human, gpt, system or tool",
        found: "'alien'")
    ) {
      try ChatFixture.dataset(#"{"conversations": [{"from": "alien", "value": "hi"}]}"#, chat)
    }
  }

  @Test("instructions are chats of one question, or plain completions for a model without a template")
  func instructions() throws {
    let chat = try ChatFixture.chat()
    let row = #"{"instruction": "Add.", "input": "1 2", "output": "3"}"#
    let example = try ChatFixture.dataset(row, chat).example(at: 0)
    #expect(example.tokens == chat.tokenizer.encode("<|a|>user\nAdd.\n\n1 2<|c|>\n<|a|>assistant\n3<|c|>\n"))
    #expect(example.trainedTexts(chat.tokenizer) == ["3<|c|>"])
    let plain = try ChatFixture.chat(nil)
    let other = try ChatFixture.dataset(row, plain).example(at: 0)
    #expect(plain.tokenizer.decode(other.tokens, skipSpecialTokens: false) == "Add.\n\n1 2\n\n3<|c|>")
    #expect(other.trainedTexts(plain.tokenizer) == ["3<|c|>"])
  }

  @Test("bad rows can be left out and are kept as errors")
  func rejected() throws {
    let chat = try ChatFixture.chat()
    let rows = "{\"text\": \"a b\"}\nnonsense\n{\"text\": 5}\n{\"text\": \"c d\"}\n"
    let data = try ChatFixture.dataset(rows, chat, DatasetOptions(skipsBadRows: true))
    #expect(data.count == 2)
    #expect(data.rejected.count == 2 && data.report.rejectedRows == 2)
    let findings = DatasetFindings(data)
    #expect(findings.hasErrors)
    let errors = findings.findings.filter { $0.severity == .error }
    #expect(errors.map(\.lines) == [[2], [3]])
    #expect(errors.map { "rows.jsonl, line \($0.lines[0]): \($0.message)" } == data.rejected.map(\.description))
  }

  @Test("of a file without a usable row all mistakes are told, where that is asked for")
  func allBad() throws {
    let rows = "{\"foo\": 1}\n{\"text\": 5}\nnot json\n" + String(repeating: "[]\n", count: 9)
    let chat = try ChatFixture.chat()
    var options = DatasetOptions(skipsBadRows: true)
    #expect(throws: DatasetError.unknownFields(file: "rows.jsonl", line: 1, fields: ["foo"])) {
      try ChatFixture.dataset(rows, chat, options)
    }
    options.mayLackRows = true
    for tolerates in [false, true] {
      let findings = DatasetFindings(
        try ChatFixture.dataset(rows, chat, options), batchSize: 8, toleratesBadRows: tolerates)
      #expect(findings.report.rows == 0 && findings.report.rejectedRows == 12 && findings.padding == nil)
      #expect(findings.findings.allSatisfy { $0.severity == .error }, "there is nothing to train on")
      #expect(findings.findings.map(\.lines) == (1...10).map { [$0] } + [[11, 12]])
    }
    #expect(throws: DatasetError.self) { try ChatFixture.dataset("\n", chat, options) }
  }

  @Test("rows that were left out are warnings where that was asked for")
  func tolerated() throws {
    let rows = "{\"text\": \"a b\"}\nnonsense\n"
    let data = try ChatFixture.dataset(rows, ChatFixture.chat(nil), DatasetOptions(skipsBadRows: true))
    #expect(DatasetFindings(data, toleratesBadRows: true).findings.map(\.severity) == [.warning])
  }

  @Test("marks of another model's template and characters without a token are found, with their rows")
  func strangers() throws {
    let chat = try ChatFixture.chat(nil, tokenizer: "llama2", end: "</s>")
    let rows = """
      {"text": "hello world"}
      {"text": "<|im_start|>user hello"}
      {"text": "\u{1F600} hello \u{1F601}\u{1F600} world \u{1F602}"}
      """
    let findings = DatasetFindings(try ChatFixture.dataset(rows, chat)).findings
    #expect(findings.contains { $0.message.contains("'<|im_start|>'") && $0.lines == [2] }, "\(findings)")
    let ending = " '\u{1F600}' '\u{1F601}' '\u{1F602}'"
    #expect(findings.contains { $0.message.hasSuffix(ending) && $0.lines.contains(3) }, "\(findings)")
  }

  @Test("of a word that one character spoils, that one is named")
  func spoiledWord() throws {
    let chat = try ChatFixture.chat(nil, tokenizer: "wordpiece", end: "[SEP]")
    let findings = DatasetFindings(try ChatFixture.dataset("{\"text\": \"hello wor\u{1F600}ld\"}", chat)).findings
    #expect(findings.contains { $0.message.hasSuffix(": '\u{1F600}'") && $0.lines == [1] }, "\(findings)")
  }

  @Test("repeats, lost ends, lengths and padding are counted")
  func counts() throws {
    let chat = try ChatFixture.chat()
    let rows = """
      {"prompt": "hello", "completion": " world"}
      {"prompt": "hello", "completion": " world"}
      {"prompt": "hello", "completion": " world the words hello world the words hello world the words hello"}
      """
    let data = try ChatFixture.dataset(rows, chat, DatasetOptions(maxLength: 12))
    let findings = DatasetFindings(data, batchSize: 3)
    #expect(findings.duplicates == 1)
    #expect(findings.histogram.reduce(0, +) == 3)
    #expect(!findings.hasErrors)
    #expect(findings.findings.map(\.severity) == [.warning, .warning, .warning, .note])
    #expect(findings.findings.map(\.lines) == [[], [3], [2], []])
    let short = data.length(at: 0)
    let padding = try #require(findings.padding)
    #expect(DatasetFindings(data).padding == nil)
    #expect(abs(padding.shuffled - Double(2 * (12 - short)) / 36) < 1e-12)
    #expect(padding.packedRows == (2 * short <= 12 ? 2 : 3))
    #expect(padding.fewestPackedRows == (2 * short + 12 + 11) / 12)
  }

  @Test("a template that never writes the end token is an error")
  func noEnd() throws {
    let chat = try ChatFixture.chat("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    let data = try ChatFixture.dataset(DatasetTests.threeTurns, chat)
    #expect(DatasetFindings(data).hasErrors)
  }

  @Test("a row can be shown in trained and untrained runs")
  func runs() throws {
    let chat = try ChatFixture.chat()
    let data = try ChatFixture.dataset(#"{"prompt": "hello", "completion": " world"}"#, chat)
    let runs = try data.example(at: 0).runs(chat.tokenizer)
    #expect(runs.map(\.text) == ["hello", " world<|c|>"])
    #expect(runs.map(\.isTrained) == [false, true])
  }
}
