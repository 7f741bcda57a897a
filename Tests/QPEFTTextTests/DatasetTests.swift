import Foundation
import QPEFTText
import Testing

@Suite("Datasets") struct DatasetTests {
  @Test("a text row is trained to its end token, but for its first token")
  func textRow() throws {
    let chat = try ChatFixture.chat()
    let data = try ChatFixture.dataset(#"{"text": "hello world"}"#, chat)
    let example = try data.example(at: 0)
    let end = try #require(chat.eosID)
    #expect(example.tokens == chat.tokenizer.encode("hello world") + [end])
    #expect(example.isTrained == [false] + Array(repeating: true, count: example.tokens.count - 1))
    #expect(data.report.rowsWithoutTrainedEnd == 0)
  }

  @Test("tokens that the tokenizer puts before a text are not trained, and an end it puts there is not doubled")
  func specialsAround() throws {
    let chat = try ChatFixture.chat(tokenizer: "gpt2_prefix_space", end: "</s>")
    let example = try ChatFixture.dataset(#"{"prompt": "hello", "completion": " world"}"#, chat).example(at: 0)
    #expect(example.tokens == chat.tokenizer.encode("hello world"))
    #expect(example.trainedTexts(chat.tokenizer) == [" world</s>"])
  }

  @Test("of prompt and completion only the completion and the end token are trained, and ids are those of the whole")
  func completionRow() throws {
    let chat = try ChatFixture.chat()
    let row = #"{"prompt": "hello the", "completion": " world"}"#
    let example = try ChatFixture.dataset(row, chat).example(at: 0)
    let end = try #require(chat.eosID)
    #expect(example.tokens == chat.tokenizer.encode("hello the world") + [end])
    #expect(example.trainedTexts(chat.tokenizer) == [" world<|c|>"])
    let all = try ChatFixture.dataset(row, chat, DatasetOptions(trainOn: .all)).example(at: 0)
    #expect(all.tokens == example.tokens)
    #expect(all.trainedCount == all.tokens.count - 1)
  }

  static let threeTurns = """
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}, \
    {"role": "assistant", "content": "hello"}, {"role": "user", "content": "hello"}, \
    {"role": "assistant", "content": "hello world"}]}
    """

  @Test("of a chat every answer is trained through its end token, and nothing else")
  func chatRow() throws {
    let chat = try ChatFixture.chat()
    let example = try ChatFixture.dataset(Self.threeTurns, chat).example(at: 0)
    let text =
      "<|a|>system\nBe brief.<|c|>\n<|a|>user\nhi<|c|>\n<|a|>assistant\nhello<|c|>\n<|a|>user\nhello<|c|>\n"
      + "<|a|>assistant\nhello world<|c|>\n"
    #expect(example.tokens == chat.tokenizer.encode(text, addSpecialTokens: false))
    #expect(example.trainedTexts(chat.tokenizer) == ["hello<|c|>", "hello world<|c|>"])
  }

  @Test("a system prompt that moves into the last question does not move the answers")
  func movingSystemPrompt() throws {
    let chat = try ChatFixture.chat(
      """
      {%- if messages[0].role == 'system' %}{% set s = messages[0].content %}{% set ms = messages[1:] %}\
      {% else %}{% set ms = messages %}{% endif %}
      {%- for m in ms %}{% if m.role == 'user' %}[I] {{ s ~ ' ' if loop.last or loop.index == ms|length - 1 and s }}\
      {{ m.content }}[/I]{% else %} {{ m.content }}<|c|>{% endif %}{% endfor %}
      """)
    let example = try ChatFixture.dataset(Self.threeTurns, chat).example(at: 0)
    let texts = example.trainedTexts(chat.tokenizer).map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(texts == ["hello<|c|>", "hello world<|c|>"])
  }

  @Test("thoughts that a template drops from earlier answers do not hide them")
  func droppedThoughts() throws {
    let chat = try ChatFixture.chat(
      """
      {% for m in messages %}<|a|>{{ m.role }}
      {% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</t>')[-1] }}\
      {% else %}{{ m.content }}{% endif %}<|c|>
      {% endfor %}{% if add_generation_prompt %}<|a|>assistant
      {% endif %}
      """)
    let row = """
      {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "<t>x</t>one"}, \
      {"role": "user", "content": "r"}, {"role": "assistant", "content": "<t>y</t>two"}]}
      """
    let example = try ChatFixture.dataset(row, chat).example(at: 0)
    let texts = example.trainedTexts(chat.tokenizer)
    #expect(texts.last == "<t>y</t>two<|c|>")
    #expect(texts.first == "one<|c|>")
  }

  @Test("what a template writes before an answer that opens a chat is not trained")
  func firstAnswer() throws {
    let chat = try ChatFixture.chat(
      """
      {% for m in messages %}{% if loop.first and m.role != 'system' %}<|a|>system
      Be good.<|c|>
      {% endif %}<|a|>{{ m.role }}
      {{ m.content }}<|c|>
      {% endfor %}{% if add_generation_prompt %}<|a|>assistant
      {% endif %}
      """)
    for word in ["Quick", "zero", "hello"] {
      let row = """
        {"messages": [{"role": "assistant", "content": "\(word)"}, {"role": "user", "content": "q"}, \
        {"role": "assistant", "content": "two"}]}
        """
      let example = try ChatFixture.dataset(row, chat).example(at: 0)
      #expect(example.trainedTexts(chat.tokenizer) == ["\(word)<|c|>", "two<|c|>"])
    }
  }

  @Test("an answer that begins like what the generation prompt opens is trained from its first letter")
  func likeThePrompt() throws {
    let chat = try ChatFixture.chat(
      """
      {% for m in messages %}{% if m.role == 'user' %}<|b|>{{ m.content }}\
      {% else %}<|a|>{{ m.content.split('</think>')[-1] }}<|c|>{% endif %}{% endfor %}\
      {% if add_generation_prompt %}<|a|><think>
      {% endif %}
      """)
    let row = #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "<table><tr>"}]}"#
    let example = try ChatFixture.dataset(row, chat).example(at: 0)
    #expect(example.trainedTexts(chat.tokenizer) == ["<table><tr><|c|>"])
  }

  @Test("the prompt for an answer to come, which some templates write behind every chat, is not trained")
  func alwaysPrompted() throws {
    let chat = try ChatFixture.chat(
      """
      {% for m in messages %}<|a|>{{ m.role }}

      {{ m.content | trim }}<|c|>{% endfor %}{{ '<|a|>assistant\n\n' }}
      """)
    let example = try ChatFixture.dataset(Self.threeTurns, chat).example(at: 0)
    #expect(example.trainedTexts(chat.tokenizer) == ["hello<|c|>", "hello world<|c|>"])
  }

  @Test("answers that a template marks with generation blocks are taken from there")
  func generationBlocks() throws {
    let chat = try ChatFixture.chat(
      """
      {% for m in messages %}<|a|>{{ m.role }} {% if m.role == 'assistant' %}\
      {% generation %}{{ m.content }}<|c|>{% endgeneration %}{% else %}{{ m.content }}<|c|>{% endif %}{% endfor %}
      """)
    let example = try ChatFixture.dataset(Self.threeTurns, chat).example(at: 0)
    #expect(example.trainedTexts(chat.tokenizer) == ["hello<|c|>", "hello world<|c|>"])
  }

  @Test("of a chat the last answer alone can be trained, and in other rows the same as always")
  func lastAnswer() throws {
    let chat = try ChatFixture.chat()
    let last = DatasetOptions(trainOn: .last)
    let example = try ChatFixture.dataset(Self.threeTurns, chat, last).example(at: 0)
    #expect(try example.tokens == ChatFixture.dataset(Self.threeTurns, chat).example(at: 0).tokens)
    #expect(example.trainedTexts(chat.tokenizer) == ["hello world<|c|>"])
    let row = #"{"prompt": "hello the", "completion": " world"}"#
    #expect(try ChatFixture.dataset(row, chat, last).example(at: 0) == ChatFixture.dataset(row, chat).example(at: 0))
  }

  @Test("white space that a template writes behind the last end token does not hide it, when all is trained")
  func endOfAll() throws {
    let chat = try ChatFixture.chat()
    let all = DatasetOptions(trainOn: .all)
    #expect(try ChatFixture.dataset(Self.threeTurns, chat, all).report.rowsWithoutTrainedEnd == 0)
    let bare = try ChatFixture.chat("{% for m in messages %}{{ m.content }}<|c|> {{ m.role }} {% endfor %}")
    #expect(try ChatFixture.dataset(Self.threeTurns, bare, all).report.rowsWithoutTrainedEnd == 1)
  }

  @Test("a row may give its template variables and tools, and a call of a tool may have null for its content")
  func templateVariables() throws {
    let chat = try ChatFixture.chat(
      "{{ mood }}{{ tools[0].name }}{% for m in messages %}<|a|>{{ m.content is defined }}{{ m.tool_calls }}<|c|>{% endfor %}"
    )
    let row = """
      {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": null, "tool_calls": [1]}],
       "tools": [{"name": "t"}], "chat_template_kwargs": {"mood": "good"}}
      """.replacingOccurrences(of: "\n", with: "")
    let example = try ChatFixture.dataset(row, chat, DatasetOptions(trainOn: .all)).example(at: 0)
    #expect(example.text == "goodt<|a|>True<|c|><|a|>False[1]<|c|>")
  }

  @Test("rows are the same for any number of threads", arguments: [1, 2, 7])
  func threads(count: Int) throws {
    let chat = try ChatFixture.chat()
    let rows = (0..<300).map { "{\"text\": \"row \($0) of many\"}\n" }.joined()
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.jsonl"
      try Fixtures.write(rows, to: path)
      let all = try TokenizedDataset(contentsOf: path, chat)
      let some = try TokenizedDataset(contentsOf: path, chat, threads: count)
      #expect((some.count, some.digest, some.report) == (300, all.digest, all.report))
    }
  }

  @Test("a text file is read whole, without its byte order mark, and refused where it is no text")
  func plainText() throws {
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/a.txt"
      try Fixtures.write("\u{FEFF}Caf\u{E9}\n", to: path)
      #expect(try PlainText.read(path) == "Caf\u{E9}\n")
      try DataFormatTests.gzip(path)
      #expect(try PlainText.read(path + ".gz") == "Caf\u{E9}\n")
      try Data([0x61, 0x0A, 0x62, 0xFF]).write(to: URL(fileURLWithPath: path))
      #expect(throws: DatasetError.invalidUTF8(file: "a.txt", line: 2, byte: 2)) { try PlainText.read(path) }
    }
  }

  @Test("of a prompt and a completion in messages only the completion is trained")
  func conversationalCompletion() throws {
    let chat = try ChatFixture.chat()
    let row = """
      {"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, \
      {"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]}
      """
    let example = try ChatFixture.dataset(row, chat).example(at: 0)
    #expect(example.trainedTexts(chat.tokenizer) == ["d<|c|>"])
  }

  @Test("rows that are too long are cut and counted")
  func truncation() throws {
    let chat = try ChatFixture.chat()
    let rows = """
      {"prompt": "hello", "completion": " world the words hello world"}
      {"prompt": "the", "completion": "!"}
      """
    let data = try ChatFixture.dataset(rows, chat, DatasetOptions(maxLength: 6))
    #expect(data.report.truncatedRows == 1)
    #expect(data.length(at: 0) == 6)
    #expect(data.report.rows == 2 && data.report.longest == 6 && data.report.longestLine == 1)
    #expect(data.report.tokens == data.length(at: 0) + data.length(at: 1))
    #expect(data.report.trainedTokens == data.trainedCount(at: 0) + data.trainedCount(at: 1))
    #expect(data.report.rowsWithoutTrainedEnd == 1)
    #expect(data.report.rowsWithCutAnswers == 1)
    #expect(data.report.truncatedTrainedTokens == data.report.truncatedTokens)
  }

  @Test("a row whose answer is cut off entirely is an error that names it")
  func truncatedAnswer() throws {
    let chat = try ChatFixture.chat()
    let rows = "\n" + #"{"prompt": "hello world the words hello", "completion": " world"}"#
    #expect {
      try ChatFixture.dataset(rows, chat, DatasetOptions(maxLength: 3))
    } throws: { error in
      guard case DatasetError.nothingTrained("rows.jsonl", 2, _) = error else { return false }
      return true
    }
  }

  @Test("carriage returns, a byte order mark and blank lines are no part of rows, and lines keep their numbers")
  func lineEnds() throws {
    let chat = try ChatFixture.chat()
    let data = try ChatFixture.dataset("\u{FEFF}{\"text\": \"a b\"}\r\n\r\n  \n{\"text\": \"c d\"}\r\n", chat)
    #expect(data.count == 2)
    #expect(try data.example(at: 1).line == 4)
  }

  static let bad: [(row: String, error: DatasetError)] = [
    (
      #"{"text": "a"#,
      .malformedJSON(file: "rows.jsonl", line: 2, column: 12, reason: "the text ends in the middle of a value")
    ),
    (#"["a"]"#, .notAnObject(file: "rows.jsonl", line: 2, found: "an array")),
    (#"{"txt": "a", "id": 1}"#, .unknownFields(file: "rows.jsonl", line: 2, fields: ["txt", "id"])),
    (#"{"text": 5}"#, .wrongType(file: "rows.jsonl", line: 2, field: "text", expected: "a string", found: "a number")),
    (#"{"text": ""}"#, .emptyField(file: "rows.jsonl", line: 2, field: "text")),
    (#"{"prompt": "a"}"#, .missingField(file: "rows.jsonl", line: 2, field: "completion")),
    (#"{"prompt": "a", "completion": ""}"#, .emptyField(file: "rows.jsonl", line: 2, field: "completion")),
    (#"{"messages": []}"#, .emptyField(file: "rows.jsonl", line: 2, field: "messages")),
    (#"{"messages": [{"content": "a"}]}"#, .missingField(file: "rows.jsonl", line: 2, field: "messages[0].role")),
    (#"{"messages": [{"role": "user"}]}"#, .missingField(file: "rows.jsonl", line: 2, field: "messages[0].content")),
    (
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]}"#,
      .emptyField(file: "rows.jsonl", line: 2, field: "messages[1].content")
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}, "b"]}"#,
      .wrongType(file: "rows.jsonl", line: 2, field: "messages[1]", expected: "an object", found: "a string")
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}], "tools": "[]"}"#,
      .wrongType(file: "rows.jsonl", line: 2, field: "tools", expected: "an array", found: "a string")
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": []}"#,
      .wrongType(
        file: "rows.jsonl", line: 2, field: "chat_template_kwargs", expected: "an object", found: "an array")
    ),
    (
      #"{"text": "\ud800"}"#,
      .malformedJSON(
        file: "rows.jsonl", line: 2, column: 17, reason: "a high surrogate without a low one in an escape")
    ),
    (
      "{\"text\": \"a\u{0}b\"}",
      .malformedJSON(file: "rows.jsonl", line: 2, column: 12, reason: "a raw control character in a string")
    ),
  ]

  @Test("a bad row is an error with its line, what is wrong and what to do", arguments: bad.indices)
  func badRows(index: Int) throws {
    let chat = try ChatFixture.chat()
    let (row, expected) = Self.bad[index]
    #expect(throws: expected) { try ChatFixture.dataset("{\"text\": \"a b\"}\n\(row)\n", chat) }
    #expect(expected.description.contains("line 2"))
    #expect(!expected.remedy.isEmpty)
  }

  @Test("a chat without an answer is an error with its line")
  func noAnswer() throws {
    let chat = try ChatFixture.chat()
    #expect {
      try ChatFixture.dataset(#"{"messages": [{"role": "user", "content": "a"}]}"#, chat)
    } throws: { error in
      guard case DatasetError.nothingTrained(_, 1, _) = error else { return false }
      return true
    }
  }

  @Test("messages for a model without a chat template are an error that says so")
  func noTemplate() throws {
    let chat = try ChatFixture.chat(nil)
    #expect(throws: DatasetError.noChatTemplate(file: "rows.jsonl", line: 1)) {
      try ChatFixture.dataset(Self.threeTurns, chat)
    }
  }

  @Test("messages that the template refuses are an error with line and the template's words")
  func refused() throws {
    let chat = try ChatFixture.chat("{{ raise_exception('no system role') }}")
    #expect {
      try ChatFixture.dataset(Self.threeTurns, chat)
    } throws: { error in
      guard case DatasetError.template(_, 1, let reason) = error else { return false }
      return reason.kind == .raised && reason.reason == "no system role"
    }
  }

  @Test("bytes that are no UTF-8 are an error with line and byte")
  func invalidUTF8() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.jsonl"
      let bytes = Array("{\"text\": \"ok\"}\n{\"text\": \"".utf8) + [0xC3, 0x28] + Array("\"}\n".utf8)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect(throws: DatasetError.invalidUTF8(file: "rows.jsonl", line: 2, byte: 11)) {
        try TokenizedDataset(contentsOf: path, chat)
      }
    }
  }

  @Test("a missing file and a file without rows are errors", arguments: ["", "\n \n"])
  func empty(text: String) throws {
    let chat = try ChatFixture.chat()
    #expect(throws: DatasetError.self) { try ChatFixture.dataset(text, chat) }
    #expect(throws: DatasetError.self) { try TokenizedDataset(contentsOf: "/nowhere/rows.jsonl", chat) }
  }
}
