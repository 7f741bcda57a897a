import Foundation
import QPEFTFormats
import QPEFTKernels
import QPEFTLayers
import QPEFTModels
import QPEFTTensor
import Testing

/// `Tests/Fixtures/gguf/PROVENANCE.md`.
@Suite("A GGUF file is a base as it is") struct GGUFBaseTests {
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/gguf").path

  private struct DecodedWeights: WeightSource {
    let file: SafetensorsFile
    func contains(_ name: String) -> Bool { file.entry(name) != nil }
    func frozenMatrix(named name: String) throws -> any FrozenMatrix { DenseMatrix(try vector(named: name)) }
    func vector(named name: String) throws -> Tensor {
      try CheckpointTensor(file.requireEntry(name), in: file.file).decoded()
    }
  }

  @Test(
    "logits are those of transformers, which reads the file itself",
    arguments: ["tiny-llama.gguf", "tiny-llama-split-00001-of-00003.gguf"])
  func logits(name: String) throws {
    let source = try ModelSource(path: "\(Self.fixtures)/\(name)")
    let model = try Models.open(config: source.configData, weights: source)
    let golden = try SafetensorsFile(path: Self.fixtures + "/tiny-llama-logits.safetensors")
    let bytes = golden.bytes(try golden.requireEntry("input_ids"))
    let ids = (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
    let found = model.logits(TokenBatch(ids: ids)).elements
    let wanted = try CheckpointTensor(golden.requireEntry("logits"), in: golden.file).decoded().elements
    try #require(found.count == wanted.count)
    let range = try #require(wanted.max()) - #require(wanted.min())
    let worst = zip(found, wanted).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst < 2e-4 * range, "worst difference \(worst) of a range of \(range)")
  }

  @Test("logits have the bits that the decoded weights give", arguments: KernelSet.supported, [1, 3, 20])
  func sameBits(set: String, tokens: Int) throws {
    let source = try ModelSource(path: Self.fixtures + "/tiny-llama.gguf")
    let decoded = DecodedWeights(
      file: try SafetensorsFile(path: Self.fixtures + "/tiny-llama-decoded.safetensors"))
    let batch = TokenBatch(ids: (0..<Int32(tokens)).map { $0 * 13 % 265 })
    let logits = try #require(
      try KernelSet.with(set) {
        try [source as any WeightSource, decoded].map { weights in
          try Models.open(config: source.configData, weights: weights).logits(batch).elements.map(\.bitPattern)
        }
      })
    #expect(logits[0] == logits[1])
  }
}
