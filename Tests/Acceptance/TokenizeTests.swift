import Foundation
import Testing

/// `qpeft tokenize` from outside: the demo model's tokenizer.
@Suite("qpeft tokenize") struct TokenizeTests {
  static let command = ["tokenize", "--model", DemoModel.source]

  func lines(_ arguments: [String], _ input: String) throws -> [String] {
    try Command.succeed(Self.command + arguments, input: input).split(
      separator: "\n", omittingEmptySubsequences: false
    ).dropLast().map(String.init)
  }

  @Test func `texts become ids and ids become the same texts`() throws {
    let texts = ["Hello world", "", "  caf\u{E9} \u{1F600}", "a<|im_end|>b"]
    let ids = try lines([], texts.joined(separator: "\n") + "\n")
    #expect(ids.count == texts.count)
    #expect(ids[1] == "[]")
    #expect(try lines(["--decode"], ids.joined(separator: "\n")) == texts)
    #expect(try lines(["--decode", "--no-special-tokens"], ids[3]) == ["ab"])
  }

  @Test func `a GGUF file needs no weights for it`() throws {
    let vocabulary = ["tokenize", "--model", DemoModel.fixtures + "/text/sentencepiece/bpe.gguf"]
    let ids = try Command.succeed(vocabulary, input: "hello world")
    #expect(ids.hasPrefix("[1,"))
    #expect(try Command.succeed(vocabulary + ["--decode", "--no-special-tokens"], input: ids) == "hello world\n")
  }

  @Test func `JSON strings may hold line breaks and zero bytes`() throws {
    let strings = ["\"a\\nb\"", "\"\\u0000\"", "\"\\ud83d\\ude00\""]
    let ids = try lines(["--json"], strings.joined(separator: "\n"))
    #expect(ids.count == 3)
    #expect(
      try lines(["--json", "--decode"], ids.joined(separator: "\n")) == ["\"a\\nb\"", "\"\\u0000\"", "\"\u{1F600}\""])
  }

  @Test func `a chat comes out as text, ids and what is trained`() throws {
    let directory = try TemporaryDirectory()
    let row = #"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}"#
    let path = try directory.write("rows.jsonl", row + "\n")
    let output = try Command.succeed(Self.command + ["--chat", path])
    let shown = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    let (text, ids, trained) = (
      shown["text"] as? String ?? "", shown["ids"] as? [Int] ?? [], shown["trained"] as? [Int] ?? []
    )
    #expect(text.contains("assistant\nhello<|im_end|>"))
    #expect(ids.count == trained.count && shown["line"] as? Int == 1)
    let answer = zip(ids, trained).filter { $0.1 == 1 }.map(\.0)
    #expect(try lines(["--decode"], "\(answer)") == ["hello<|im_end|>"])
    let all = try Command.succeed(Self.command + ["--chat", path, "--train-on", "all"])
    #expect(all.contains("\"trained\":[0,1,1"))
    let prompt = try Command.succeed(Self.command + ["--chat", path, "--generation-prompt"])
    #expect(prompt.contains(#"hello<|im_end|>\n<|im_start|>assistant\n","ids""#) && !prompt.contains("trained"))
  }

  @Test(arguments: [
    (["--json"], "\"a\"\n\"\\ud800\"\n\"b\"\n", "line 2: not valid JSON"),
    (["--json"], "3\n\"b\"\n", "line 1: a number"),
    ([], "a\nb\u{0}c\nd\n", "line 2: a zero byte at byte 2"), (["--decode"], "[1]\n[1,-2]\n", "line 2"),
    (["--decode"], "[99999999999]\n", "line 1"), (["--json"], "[1\n", "line 1: not valid JSON"),
  ])
  func `bad lines are errors with their number, or left out`(arguments: [String], input: String, words: String) throws {
    let stopped = try Command.run(Self.command + arguments, input: input)
    #expect(stopped.status == 1)
    #expect(stopped.errors.contains(words) && stopped.errors.contains("remedy: "), "\(stopped.errors)")
    let skipping = try Command.run(Self.command + arguments + ["--skip-bad"], input: input)
    #expect(skipping.status == 0)
    #expect(skipping.errors.contains("skipped: standard input, " + words), "\(skipping.errors)")
    #expect(skipping.output.split(separator: "\n").count == input.split(separator: "\n").count - 1)
  }
}
