import Foundation
import QPEFTJSON
import QPEFTText
import Testing

/// Against what the `tokenizers` library answers: Fixtures/text/make_tokenizers.py.
@Suite("Tokenizers of every family") struct TokenizerGoldenTests {
  static let families = [
    "gpt2", "gpt2_prefix_space", "llama3", "qwen2", "smollm", "deepseek1", "deepseek3", "o200k", "cl100k",
    "small_alphabet", "llama2", "mistral", "no_fallback", "behaviours", "nfd",
    "unigram", "unigram_fallback", "wordpiece", "wordpiece_cased", "gemma",
  ]

  func generator(_ family: String) throws -> TextGenerator {
    let segments = try #require(try Fixtures.json("segments.json").array).compactMap(\.string)
    return TextGenerator(seed: UInt64(crc32(family.utf8)), segments: segments)
  }

  @Test("ids of random and adversarial texts are those of the library", arguments: families)
  func ids(family: String) throws {
    let tokenizer = try Fixtures.tokenizer(family)
    let golden = try Fixtures.json("tokenizers/\(family).golden.json")
    var generator = try generator(family)
    var failures: [String] = []
    for (index, expected) in digests(try #require(golden["ids"]?.string)).enumerated() {
      let text = generator.text()
      if digest(ids: tokenizer.encode(text)) != expected {
        failures.append("\(index): \(text.unicodeScalars.map { String($0.value, radix: 16) }.joined(separator: " "))")
      }
    }
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  @Test("decoded text of random ids is that of the library, at once and as a stream", arguments: families)
  func decoding(family: String) throws {
    let tokenizer = try Fixtures.tokenizer(family)
    let golden = try Fixtures.json("tokenizers/\(family).golden.json")
    let size = try #require(golden["vocabulary"]?.integer)
    var generator = try generator(family)
    for _ in 0..<(try #require(golden["texts"]?.integer)) { _ = generator.text() }
    let plain = digests(try #require(golden["decoded"]?.string))
    let special = digests(try #require(golden["decodedWithSpecial"]?.string))
    for index in plain.indices {
      let ids = (0..<1 + generator.below(20)).map { _ in Int32(generator.below(size + 2)) }
      let text = tokenizer.decode(ids, skipSpecialTokens: true)
      #expect(digest(text.utf8) == plain[index], "\(ids)")
      #expect(digest(tokenizer.decode(ids, skipSpecialTokens: false).utf8) == special[index], "\(ids)")
      var decoder = IncrementalDecoder(tokenizer)
      var streamed = ""
      for id in ids { streamed += decoder.append(id) }
      streamed += decoder.finish()
      #expect(Array(streamed.utf8) == Array(text.utf8), "\(ids)")
    }
  }

  @Test("samples give the very ids, with and without the tokens around a text", arguments: families)
  func samples(family: String) throws {
    let tokenizer = try Fixtures.tokenizer(family)
    let golden = try Fixtures.json("tokenizers/\(family).golden.json")
    for sample in try #require(golden["samples"]?.array) {
      let text = try #require(sample["text"]?.string)
      func ids(_ key: String) -> [Int32] { (sample[key]?.array ?? []).compactMap { Int32($0.integer ?? -1) } }
      #expect(tokenizer.encode(text) == ids("ids"))
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids("bare"))
      #expect(tokenizer.encodeWithOffsets(text).ids == ids("ids"))
    }
  }

  @Test(
    "every assigned Unicode scalar is classified and normalized as by the library",
    arguments: [
      "qwen2", "o200k", "smollm", "nfd", "behaviours", "no_fallback", "deepseek3", "unigram", "wordpiece",
      "wordpiece_cased",
    ])
  func sweep(family: String) throws {
    let tokenizer = try Fixtures.tokenizer(family)
    let golden = try Fixtures.json("tokenizers/\(family).golden.json")
    var failures: [String] = []
    for (block, expected) in digests(try #require(golden["sweep"]?.string)).enumerated() {
      // Planes that hold nothing, or only private characters, are all alike.
      if block >= 0x400, !(0xE00...0xE10).contains(block) { continue }
      var text = String.UnicodeScalarView()
      for value in UInt32(block * 256)..<UInt32(block * 256 + 256) {
        guard let scalar = Unicode.Scalar(value) else { continue }
        for part in ["a", scalar, "1", " ", scalar, " ", "e", scalar] as [Unicode.Scalar] { text.append(part) }
      }
      if digest(ids: tokenizer.encode(String(text))) != expected { failures.append(String(block * 256, radix: 16)) }
    }
    #expect(failures.isEmpty, "blocks \(failures)")
  }

  @Test("what the tokens stand for covers the text in order", arguments: families)
  func offsets(family: String) throws {
    let tokenizer = try Fixtures.tokenizer(family)
    var generator = try generator(family)
    for _ in 0..<300 {
      let text = generator.text()
      let result = tokenizer.encodeWithOffsets(text, addSpecialTokens: false)
      var end = 0
      for range in result.ranges {
        #expect(range.lowerBound <= range.upperBound && range.upperBound <= text.utf8.count)
        #expect(range.lowerBound >= 0 && range.upperBound >= end, "\(text.debugDescription) \(result.ranges)")
        end = range.upperBound
      }
    }
  }
}
