internal import Foundation
internal import QPEFTFormats
internal import QPEFTJSON
internal import QPEFTModels
internal import QPEFTTensor
internal import QPEFTText

/// One reader of files from strangers, with bytes instead of a file. A finding is a trap, a leak of memory, a run without end,
/// or an error that is not of the readers' own kinds.
package enum FuzzTarget: String, CaseIterable {
  case safetensors, index, gguf, tokenizer, vocabulary, config, adapter, template, rows, csv, json

  /// Whether an error is of the readers' own kinds, which name the thing and a remedy.
  package static func isOwn(_ error: any Error) -> Bool {
    let type = String(reflecting: type(of: error))
    return type.hasPrefix("QPEFT") || type.hasPrefix("FuzzTargets.")
  }

  /// Reads the bytes as a file of this kind.
  package func run(_ bytes: [UInt8], in files: ScratchFiles) throws {
    switch self {
    case .safetensors: try runSafetensors(bytes, files)
    case .index: try runIndex(bytes, files)
    case .gguf: try runGGUF(bytes, files)
    case .tokenizer: try runTokenizer(JSONValue(parsing: bytes))
    case .vocabulary: try runVocabulary(bytes, files)
    case .config: try runConfig(bytes)
    case .adapter: _ = try PEFTAdapterConfig(parsing: bytes, path: "adapter_config.json")
    case .template: try runTemplate(bytes)
    case .rows: try runRows(bytes, "rows.jsonl", files)
    case .csv: try runRows(bytes, "rows.csv", files)
    case .json: try runJSON(bytes)
    }
  }

  /// A checkpoint of one file: every tensor as a matrix, dense or 4-bit, and as numbers.
  private func runSafetensors(_ bytes: [UInt8], _ files: ScratchFiles) throws {
    try files.write(bytes, to: "checkpoint/model.safetensors")
    let directory = try HuggingFaceDirectory(path: files.path("checkpoint"))
    for name in directory.tensorNames {
      if let matrix = try? directory.frozenMatrix(named: name) { _ = matrix.rows([0, Int32(matrix.rows - 1)]) }
      if let tensor = try? directory.tensor(named: name), tensor.count < 1 << 16 { _ = try? tensor.decoded() }
    }
  }

  private func runIndex(_ bytes: [UInt8], _ files: ScratchFiles) throws {
    try files.write(bytes, to: "sharded/model.safetensors.index.json")
    _ = try HuggingFaceDirectory(path: files.path("sharded"))
  }

  /// A GGUF file as a base: weights, configuration, tokenizer, template.
  private func runGGUF(_ bytes: [UInt8], _ files: ScratchFiles) throws {
    try files.write(bytes, to: "x.gguf")
    let file = try GGUFFile(path: files.path("x.gguf"))
    for entry in file.entries where entry.columns * entry.rows < 1 << 16 { _ = file.decoded(entry) }
    let model = try GGUFModel(path: files.path("x.gguf"))
    for name in model.tensorNames {
      if let matrix = try? model.frozenMatrix(named: name) { _ = matrix.rows([0, Int32(matrix.rows - 1)]) }
    }
    _ = try? Models.open(config: model.configData, weights: model)
    let text = try ChatTokenizer.load(ModelTextFiles(model.textFiles(), place: "x.gguf"))
    _ = text.encode("Hello, 12 worlds")
  }

  private func runTokenizer(_ json: JSONValue) throws { check(try Tokenizer(json: json)) }

  /// A `tokenizer.model` of SentencePiece.
  private func runVocabulary(_ bytes: [UInt8], _ files: ScratchFiles) throws {
    try files.write(bytes, to: "tokenizer.model")
    check(try Tokenizer(sentencePiece: files.path("tokenizer.model")))
  }

  private func check(_ tokenizer: Tokenizer) {
    let encoded = tokenizer.encodeWithOffsets("Hello, 123 wörlds 🌱<s> </s>\n\n  x")
    precondition(encoded.ranges.allSatisfy { $0.upperBound <= 64 })
    _ = tokenizer.decode(encoded.ids + [-1, 1 << 30])
  }

  private func runConfig(_ bytes: [UInt8]) throws {
    struct NoWeightError: Error {}
    struct NoWeights: WeightSource {
      func contains(_ name: String) -> Bool { false }
      func frozenMatrix(named name: String) throws -> any FrozenMatrix { throw NoWeightError() }
      func vector(named name: String) throws -> Tensor { throw NoWeightError() }
    }
    _ = try Models.open(config: Data(bytes), weights: NoWeights())
  }

  private func runTemplate(_ bytes: [UInt8]) throws {
    let template = try ChatTemplate(String(decoding: bytes, as: UTF8.self), variables: ["bos_token": "<s>"])
    let messages: [JSONValue] = [
      ["role": "system", "content": "Be brief."], ["role": "user", "content": "Hello"],
      ["role": "assistant", "content": "Yes?"],
    ]
    _ = try template.render(messages, addGenerationPrompt: true)
  }

  /// Rows as their name says, or by gzip.
  private func runRows(_ bytes: [UInt8], _ name: String, _ files: ScratchFiles) throws {
    try files.write(bytes, to: name)
    let options = DatasetOptions(maxLength: 64)
    let dataset = try TokenizedDataset(contentsOf: files.path(name), files.tokenizer, options, threads: 1)
    for index in 0..<dataset.count { _ = try dataset.example(at: index) }
  }

  /// What is read is written, and read again as the same.
  private func runJSON(_ bytes: [UInt8]) throws {
    let value = try JSONValue(parsing: bytes)
    let again = try JSONValue(parsing: value.bytes(.compact))
    precondition(value.bytes(.compact) == again.bytes(.compact), "JSON is not read as it was written")
  }
}
