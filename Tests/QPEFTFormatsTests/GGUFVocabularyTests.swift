import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTText
import Testing

/// The vocabularies of Fixtures/text/make_sentencepiece.py, once as SentencePiece writes them and once as GGUF has them.
@Suite("SentencePiece vocabularies in GGUF files") struct GGUFVocabularyTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/text/sentencepiece").path

  func tokenizer(_ name: String) throws -> Tokenizer {
    let file = try GGUFTokenizer(try GGUFFile(path: "\(Self.folder)/\(name).gguf"))
    return try Tokenizer(json: try JSONValue(parsing: file.tokenizer))
  }

  @Test("ids are those of SentencePiece", arguments: ["bpe", "gemma", "unigram"])
  func ids(name: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/\(name).golden.json"))
    let tokenizer = try tokenizer(name)
    let samples = try #require(try JSONValue(parsing: Array(data))["samples"]?.array)
    #expect(samples.count == 20)
    for sample in samples {
      let ids = (sample["ids"]?.array ?? []).compactMap { Int32($0.integer ?? -1) }
      #expect(tokenizer.encode(try #require(sample["text"]?.string), addSpecialTokens: false) == ids)
    }
  }

  @Test("BOS stands before the text of a model that goes on writing, EOS behind that of a T5")
  func ends() throws {
    #expect(try tokenizer("bpe").prefixIDs == [1])
    #expect(try tokenizer("gemma").prefixIDs == [2])
    #expect(try tokenizer("unigram").prefixIDs == [])
    #expect(try tokenizer("unigram").suffixIDs == [2])
  }
}
