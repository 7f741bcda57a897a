import Foundation
import QPEFTJSON
import QPEFTText
import Testing

/// Small files that ask for much: each was once a trap, a run without end, or gigabytes.
@Suite("Small files that ask for much") struct GrowthTests {
  private func tokenizer(_ parts: String, vocabulary: String = #"{"a":0}"#) throws -> Tokenizer {
    let model = #""model":{"type":"BPE","vocab":\#(vocabulary),"merges":[]}"#
    return try Tokenizer(json: JSONValue(parsing: "{\(parts.isEmpty ? "" : parts + ",")\(model)}"))
  }

  @Test(
    "repeats of repeats are refused, also of nothing",
    arguments: [
      "(?:){1000}{1000}{1000}{1000}", "(?:(?:)|){1000}{1000}{1000}", "(?:(?:){0,1000}){0,1000}{0,1000}",
      "a{1000}{1000}{1000}{1000}", "(?:ab){1,1000}{1,1000}",
    ])
  func repeats(pattern: String) {
    #expect {
      try tokenizer(
        #""pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"\#(pattern)"}}"#)
    } throws: { error in
      "\(error)".contains("multiply beyond reason")
    }
  }

  @Test("normalizers and decoders that multiply a text are refused, those of published tokenizers are not")
  func normalizers() throws {
    func replace(_ times: Int, _ pattern: String = "a", _ content: String = "aaaaaaaa") -> String {
      let step = #"{"type":"Replace","pattern":{"String":"\#(pattern)"},"content":"\#(content)"}"#
      return Array(repeating: step, count: times).joined(separator: ",")
    }
    for (part, list) in [("normalizer", "normalizers"), ("decoder", "decoders")] {
      #expect {
        try tokenizer(#""\#(part)":{"type":"Sequence","\#(list)":[\#(replace(8))]}"#)
      } throws: { error in
        "\(error)".contains("'\(part)' makes texts more than 1024 times as long")
      }
    }
    let wide =
      #""normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},\#(replace(1, " ", "▁"))]}"#
    #expect(throws: Never.self) { try tokenizer(wide) }
    let equal = #""normalizer":{"type":"Sequence","normalizers":[\#(replace(40, "``````", "''''''"))]}"#
    #expect(throws: Never.self) { try tokenizer(equal) }
  }

  @Test("an id far beyond the vocabulary is refused, gaps are not")
  func ids() throws {
    #expect(throws: TokenizerError.self) { try tokenizer("", vocabulary: #"{"a":16777215}"#) }
    #expect(throws: TokenizerError.self) {
      try tokenizer(#""added_tokens":[{"id":16777215,"content":"b"}]"#)
    }
    #expect(try tokenizer("", vocabulary: #"{"a":1000}"#).encode("a") == [1000])
  }

  @Test(
    "values that double or nest without end, and what is put out in a loop, are refused",
    arguments: [
      "{% for i in range(40) %}{% set n.x = [n.x, n.x] %}{% endfor %}",
      "{% for i in range(40) %}{% set n.x = (n.x, n.x) %}{% endfor %}",
      "{% for i in range(40) %}{% set n.x = {'a': n.x, 'b': n.x} %}{% endfor %}",
      "{% for i in range(40) %}{% set n.x = dict(a=n.x, b=n.x) %}{% endfor %}",
      "{% for i in range(40) %}{% set n.x = [n.x] * 2 %}{% endfor %}",
      "{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}",
      "{% for i in range(99999) %}{% set n.x = n.x | batch(1) | list %}{% endfor %}",
      "{% macro m() %}{{ m(varargs, varargs) }}{% endmacro %}{{ m('a') }}",
      "{% for i in range(99999) %}{% set n.x = {'a': n.x}.items %}{% endfor %}",
      "{% for i in range(99999) %}{% for y in [n.x] %}{% set n.x = loop %}{% endfor %}{% endfor %}",
      "{% for i in range(40) %}{% set n.x = (n.x * 1000) | map('replace', 'a', 'aa') | list %}{% endfor %}",
      "{% set n.x = [['a']] %}{% for i in range(99999) %}{% set n.x = n.x | map('groupby', 0) | list %}{% endfor %}",
      "{% for i in range(99999) %}{% set x = namespace(t=n.t ~ i) %}{% endfor %}",
      "{% for i in range(99999) %}{% set n.x = n.x + [range(i, i + 100000)] %}{% endfor %}",
      "{{ ('{0}' * 1000000).format(n.t) }}", "{{ ('%(a)s' * 1000000) % {'a': n.t} }}",
      "{{ ('\t' * 1000000).expandtabs(255) }}", "{{ n.t | list }}", "{% for c in n.t %}{% endfor %}",
      "{{ (n.t ~ n.t).split('b') }}",
      "{{ ([n.t] * 1000) | string }}",
      "{% for i in range(99) %}{{ n.t }}{% endfor %}",
      "{% for i in range(99999) %}\(String(repeating: "a text of the template ", count: 100)){% endfor %}",
    ])
  func values(template: String) throws {
    let template = try ChatTemplate("{% set n = namespace(x=['a'], t='ab' * 1000000) %}" + template)
    #expect {
      try template.render([])
    } throws: { error in
      "\(error)".contains("beyond all reason")
    }
  }

  @Test("a chat of too many answers is refused with its line, and read where they need not be found")
  func turns() throws {
    let turn = #"{"role":"user","content":"a"},{"role":"assistant","content":"b"}"#
    let row = "{\"messages\":[" + Array(repeating: turn, count: 1001).joined(separator: ",") + "]}\n"
    let chat = try ChatFixture.chat()
    #expect(throws: DatasetError.tooManyTurns(file: "rows.jsonl", line: 1, turns: 1001)) {
      try ChatFixture.dataset(row, chat)
    }
    #expect(try ChatFixture.dataset(row, chat, DatasetOptions(trainOn: .all)).count == 1)
    #expect(try ChatFixture.dataset(row, chat, DatasetOptions(trainOn: .last)).count == 1)
  }

  @Test("a header of very many columns is read at once, and one that comes twice is named")
  func columns() throws {
    let names = (0..<40_000).map { "c\($0)" }
    let chat = try ChatFixture.chat(nil)
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.csv"
      try Fixtures.write((names + ["c7"]).joined(separator: ",") + "\n", to: path)
      #expect {
        try TokenizedDataset(contentsOf: path, chat)
      } throws: { error in
        "\(error)".contains("'c7' comes twice")
      }
      try Fixtures.write(names.joined(separator: ",") + "\n" + names.joined(separator: ",") + "\n", to: path)
      #expect {
        try TokenizedDataset(contentsOf: path, chat)
      } throws: { error in
        "\(error)".contains("and 39990 more") && "\(error)".utf8.count < 400
      }
    }
  }

  @Test("a piece of a SentencePiece model that is longer than any word is not cut at every place")
  func longPiece() throws {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
      var length: [UInt8] = []
      var rest = bytes.count
      while rest > 127 {
        length.append(UInt8(rest & 127) | 128)
        rest >>= 7
      }
      return [number << 3 | 2] + length + [UInt8(rest)] + bytes
    }
    let pieces = ["a", String(repeating: "a", count: 1_000_000)].flatMap { field(1, field(1, Array($0.utf8))) }
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/tokenizer.model"
      try Data(pieces + field(2, [3 << 3, 2])).write(to: URL(fileURLWithPath: path))
      #expect(try Tokenizer(sentencePiece: path).encode("aa", addSpecialTokens: false).count >= 2)
    }
  }
}
