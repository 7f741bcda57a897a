import Foundation
import QPEFTJSON
import QPEFTText
import Testing

/// Broken input ends in an error or in a result, never in a crash.
@Suite("Broken input") struct RobustnessTests {
  /// The bytes with some of them changed, taken out, doubled or cut off.
  static func mutated(_ bytes: [UInt8], _ generator: inout TextGenerator) -> [UInt8] {
    var bytes = bytes
    let marks = Array("{}[]\",:0-9\\|()*+?%#".utf8)
    for _ in 0..<1 + generator.below(6) where !bytes.isEmpty {
      let place = generator.below(bytes.count)
      switch generator.below(6) {
      case 0: bytes[place] = UInt8(generator.below(256))
      case 1: bytes[place] = marks[generator.below(marks.count)]
      case 2: bytes.remove(at: place)
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + generator.below(40)))
      case 4:
        let part = bytes[place..<min(bytes.count, place + generator.below(40))]
        bytes.insert(contentsOf: part, at: generator.below(bytes.count))
      default: if generator.below(20) == 0 { bytes.removeSubrange(place...) }
      }
    }
    return bytes
  }

  func generator(_ seed: UInt64) throws -> TextGenerator {
    TextGenerator(seed: seed, segments: try #require(try Fixtures.json("segments.json").array).compactMap(\.string))
  }

  @Test("mutated tokenizer files", arguments: ["smollm", "llama2", "no_fallback", "behaviours", "o200k"])
  func tokenizers(family: String) throws {
    // Without most of its vocabulary, so that mutations hit the parts that matter.
    var generator = try generator(1)
    let bytes = try Fixtures.bytes("tokenizers/\(family).json")
    let text = String(decoding: bytes, as: UTF8.self)
    let head = try #require(text.range(of: "\"vocab\":{"))
    let tail = #""vocab":{"a":0,"b":1,"ab":2,"\u2581":3,"<unk>":4,"<0x41>":5,"\u0120":6},"merges":[["a","b"]]}}"#
    let small = Array((String(text[..<head.lowerBound]) + tail).utf8)
    for _ in 0..<1500 {
      guard let json = try? JSONValue(parsing: Self.mutated(small, &generator)),
        let tokenizer = try? Tokenizer(json: json)
      else { continue }
      let text = generator.text()
      let encoded = tokenizer.encodeWithOffsets(text)
      #expect(encoded.ranges.allSatisfy { $0.upperBound <= text.utf8.count })
      _ = tokenizer.decode(encoded.ids + [-1, 1 << 30])
    }
  }

  @Test("mutated chat templates")
  func templates() throws {
    var generator = try generator(2)
    let golden = try Fixtures.json("templates.golden.json")
    let chats = try #require(golden["chats"]?.array)
    let sources = Set(try #require(golden["cases"]?.array).compactMap { $0["template"]?.string }).sorted()
    for source in sources {
      for _ in 0..<10 {
        let text = String(decoding: Self.mutated(Array(source.utf8), &generator), as: UTF8.self)
        guard let template = try? ChatTemplate(text) else { continue }
        _ = try? template.render(chats[generator.below(chats.count)].array ?? [], addGenerationPrompt: true)
      }
    }
  }

  @Test("mutated rows")
  func rows() throws {
    var generator = try generator(3)
    let chat = try ChatFixture.chat()
    let rows = Array(
      """
      {"messages": [{"role": "user", "content": "h\\u00e9llo \u{1F600}"}, {"role": "assistant", "content": "b"}]}
      {"prompt": "a", "completion": "b"}
      {"text": "hello"}
      {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}
      {"instruction": "a", "input": "", "output": "c"}
      """.utf8)
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.jsonl"
      for _ in 0..<500 {
        try Data(Self.mutated(rows, &generator)).write(to: URL(fileURLWithPath: path))
        let options = DatasetOptions(maxLength: 1 + generator.below(40), skipsBadRows: true)
        guard let data = try? TokenizedDataset(contentsOf: path, chat, options) else { continue }
        try check(data)
      }
    }
  }

  private func check(_ data: TokenizedDataset) throws {
    #expect(data.report.rows == data.count)
    let examples = try data.examples(at: Array(0..<data.count))
    #expect(examples.map(\.tokens.count) == (0..<data.count).map(data.length))
    #expect(examples.map(\.trainedCount) == (0..<data.count).map(data.trainedCount))
    #expect(examples.allSatisfy { $0.trainedCount > 0 })
    _ = DatasetFindings(data, batchSize: 2)
  }

  @Test("mutated files of every format", arguments: ["rows.json", "rows.csv", "rows.tsv", "rows.txt", "rows.jsonl.gz"])
  func formats(name: String) throws {
    var generator = try generator(5)
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let whole = try DataFormatTests.write(name, in: directory)
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: whole)))
      for _ in 0..<300 {
        try Data(Self.mutated(bytes, &generator)).write(to: URL(fileURLWithPath: whole))
        var options = DatasetOptions(maxLength: 4 + generator.below(40), skipsBadRows: true)
        options.usesChosen = true
        guard let data = try? TokenizedDataset(contentsOf: whole, chat, options) else { continue }
        try check(data)
      }
    }
  }

  @Test("random texts as split patterns")
  func patterns() throws {
    var generator = try generator(4)
    let parts = [
      "(", ")", "(?:", "(?i:", "(?=", "(?!", "(?<!", "(?>", "[", "]", "[^", "&&", "|", "*", "+", "?", "{1,3}", "{2}",
      "\\p{L}", "\\P{N}",
      "\\s", "\\S", "\\w", "\\d", "a", "s", "-", "z", ".", "^", "$", "\\b", "\\x{41}", "\\u0041", "é",
    ]
    for _ in 0..<5000 {
      let pattern = (0..<1 + generator.below(8)).map { _ in parts[generator.below(parts.count)] }.joined()
      let json = JSONValue.object(
        JSONObject([
          ("type", .string("Split")), ("behavior", .string("Isolated")), ("invert", .bool(false)),
          ("pattern", .object(JSONObject([("Regex", .string(pattern))]))),
        ]))
      let model = try JSONValue(parsing: #"{"type":"BPE","vocab":{"a":0,"s":1},"merges":[]}"#)
      guard let tokenizer = try? Tokenizer(json: .object(JSONObject([("model", model), ("pre_tokenizer", json)])))
      else { continue }
      _ = tokenizer.encode("as A zé\n1 sas" + generator.text().prefix(20))
    }
  }
}
