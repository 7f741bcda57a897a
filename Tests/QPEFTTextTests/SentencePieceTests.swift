import Foundation
import QPEFTJSON
import QPEFTText
import Testing

/// Against what the `sentencepiece` library answers: Fixtures/text/make_sentencepiece.py.
@Suite("SentencePiece models") struct SentencePieceTests {
  static let models = ["bpe", "gemma", "unigram"]

  @Test("ids of random and adversarial texts are those of SentencePiece", arguments: models)
  func ids(name: String) throws {
    let tokenizer = try Tokenizer(sentencePiece: Fixtures.path("sentencepiece/\(name).model"))
    let golden = try Fixtures.json("sentencepiece/\(name).golden.json")
    let segments = try #require(try Fixtures.json("segments.json").array).compactMap(\.string)
    var generator = TextGenerator(seed: UInt64(crc32(name.utf8)), segments: segments)
    let digits = try #require(golden["ids"]?.string)
    var failures: [String] = []
    for index in 0..<(try #require(golden["texts"]?.integer)) {
      let text = generator.text()
      let expected = digits.utf8.dropFirst(4 * index).prefix(4)
      if expected.first == UInt8(ascii: "-") { continue }
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      if digest(ids: ids) != digests(String(decoding: Array(expected), as: UTF8.self))[0] {
        failures.append(text.debugDescription)
      }
    }
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
    for sample in try #require(golden["samples"]?.array) {
      let ids = (sample["ids"]?.array ?? []).compactMap { Int32($0.integer ?? -1) }
      #expect(tokenizer.encode(try #require(sample["text"]?.string), addSpecialTokens: false) == ids)
    }
  }

  @Test("texts come back from their ids", arguments: ["bpe", "gemma"])
  func decoding(name: String) throws {
    let tokenizer = try Tokenizer(sentencePiece: Fixtures.path("sentencepiece/\(name).model"))
    for text in ["hello world", "  two  spaces\n\n", "caf\u{E9} \u{1F600}", "the words."] {
      #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }
  }

  @Test("a directory may have tokenizer.model alone; BOS stands first unless the configuration says no")
  func directory() throws {
    try Fixtures.withTemporaryDirectory { directory in
      let model = "\(directory)/tokenizer.model"
      try Data(try Fixtures.bytes("sentencepiece/bpe.model")).write(to: URL(fileURLWithPath: model))
      let chat = try ChatTokenizer.load(directory: directory)
      #expect(chat.tokenizer.prefixIDs == [1])
      #expect(chat.encode("hello").first == 1)
      try Fixtures.write(#"{"add_bos_token": false, "bos_token": "<s>"}"#, to: "\(directory)/tokenizer_config.json")
      let bare = try ChatTokenizer.load(directory: directory)
      #expect(bare.encode("hello") == Array(chat.encode("hello").dropFirst()))
      #expect(bare.bosID == 1)
    }
  }

  @Test("a damaged model is an error or a tokenizer, never a crash", arguments: models)
  func damaged(name: String) throws {
    let bytes = try Fixtures.bytes("sentencepiece/\(name).model")
    var generator = TextGenerator(seed: 5, segments: ["a", " hello", "\u{3000}", "\u{FB01}"])
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/tokenizer.model"
      for _ in 0..<60 {
        var bytes = bytes
        for _ in 0..<1 + generator.below(8) { bytes[generator.below(bytes.count)] = UInt8(generator.below(256)) }
        if generator.below(4) == 0 { bytes.removeLast(generator.below(bytes.count)) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        guard let tokenizer = try? Tokenizer(sentencePiece: path) else { continue }
        _ = tokenizer.decode(tokenizer.encode(generator.text()))
      }
    }
  }

  @Test(
    "what cannot be read is named",
    arguments: [
      ([], "holds no pieces"), ([0x0A], "is damaged at byte 1"), ([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], "is damaged"),
      ([0x0A, 0x03, 0x0A, 0x01, 0xFF], "holds a piece 0 that is not UTF-8"),
      ([0x0A, 0x05, 0x15, 0, 0, 0xC0, 0x7F], "gives piece 0 no finite score"),
      ([0x0A, 0x02, 0x18, 0x09], "gives piece 0 an unknown type"), ([0x12, 0x02, 0x18, 0x03], "of kind 'word'"),
    ] as [([UInt8], String)])
  func malformed(bytes: [UInt8], words: String) throws {
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/tokenizer.model"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect {
        try Tokenizer(sentencePiece: path)
      } throws: { error in
        "\(error)".contains(words)
      }
    }
  }
}
