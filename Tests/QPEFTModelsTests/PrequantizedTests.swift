import Foundation
import QPEFTFormats
import QPEFTKernels
import QPEFTLayers
import QPEFTModels
import QPEFTQuantization
import QPEFTTensor
import Testing

/// Checkpoints that transformers and bitsandbytes wrote in 4 bits: `Tests/Fixtures/prequantized/PROVENANCE.md`.
@Suite("Checkpoints that come in bitsandbytes' 4 bits are computed with as they are") struct PrequantizedTests {
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/prequantized").path
  static let names = [
    "nf4-bf16", "nf4-dq-f16", "nf4-dq-f32-sharded", "fp4-f32", "fp4-dq-bf16", "fp4-dq-uint8",
  ]

  @Test("logits are those of transformers and bitsandbytes", arguments: names)
  func logits(name: String) throws {
    let directory = try HuggingFaceDirectory(path: "\(Self.fixtures)/\(name)")
    let model = try Models.open(config: directory.configData, weights: directory)
    let golden = try SafetensorsFile(path: "\(Self.fixtures)/\(name)/golden.safetensors")
    let ids = try golden.requireEntry("input_ids")
    let all = golden.bytes(ids)
    var batch = TokenBatch()
    for row in 0..<ids.shape[0] {
      let row = (row * ids.shape[1]..<(row + 1) * ids.shape[1]).map {
        all.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)
      }
      batch.append(ids: row, isTrained: row.map { _ in true })
    }
    let found = model.logits(batch).elements
    let wanted = try CheckpointTensor(golden.requireEntry("logits"), in: golden.file).decoded().elements
    try #require(found.count == wanted.count)
    let range = try #require(wanted.max()) - #require(wanted.min())
    let worst = zip(found, wanted).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst < 2e-4 * range, "worst difference \(worst) of a range of \(range)")
  }

  @Test("codes are read where they lie in the mapped file, whatever type they are stored as", arguments: names)
  func inPlace(name: String) throws {
    let directory = try HuggingFaceDirectory(path: "\(Self.fixtures)/\(name)")
    let weights = directory.tensorNames.filter { $0.contains("_proj") && $0.hasSuffix(".weight") }
    #expect(weights.count == 7)
    for weight in weights {
      let matrix = try #require(try directory.frozenMatrix(named: weight) as? Quantized4BitMatrix)
      let stored = try directory.tensor(named: weight)
      #expect(matrix.storageName == String(name.prefix(3)), "\(weight)")
      #expect(stored.bytes.count == matrix.rows * matrix.columns / 2, "\(weight)")
      #expect(matrix.view.valuesAddress == stored.bytes.baseAddress, "\(weight)")
      #expect(matrix.scheme.quantizesScales == name.contains("dq"), "\(weight)")
    }
  }
}
