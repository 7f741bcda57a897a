import Foundation
import QPEFTAutodiff
import QPEFTFormats
import QPEFTLayers
import QPEFTModels
import QPEFTQuantization
import QPEFTTensor
import Testing

/// SmolLM2-135M-Instruct as a GGUF file, which `make test` fetches where there is a network; QPEFT_SMOLLM2 is its path.
let smolLM2 = ProcessInfo.processInfo.environment["QPEFT_SMOLLM2"]

/// Numbers made by transformers and bitsandbytes from the same file: `Tests/Fixtures/smollm2/PROVENANCE.md`.
@Suite("SmolLM2-135M answers as in transformers and bitsandbytes", .serialized, .enabled(if: smolLM2 != nil))
struct RealModelTests {
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/smollm2").path

  struct Golden: Decodable {
    struct Top: Decodable {
      let ids: [Int]
      let values: [Float]
    }
    struct Strided: Decodable {
      let stride: Int
      let values: [Float]
    }
    let input_ids: [Int32]
    let loss, logit_min, logit_max: Double
    let last_position_top: Top
    let strided: Strided
    let position_sums: [Double]
  }

  @Test(arguments: ["f32", "nf4dq", "nf4", "fp4"])
  func `logits on 64 tokens of prose, made from the GGUF by our own quantizer`(storage: String) throws {
    let gguf = try #require(smolLM2)
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let scheme = QuantizationScheme(format: storage == "fp4" ? .fp4 : .nf4, quantizesScales: storage == "nf4dq")
    // The golden numbers keep the embedding in float32.
    _ = try CheckpointQuantizer(
      source: gguf, output: output, scheme: scheme, keep: storage == "f32" ? ["*"] : [], keptType: .f32
    ).run()
    let directory = try HuggingFaceDirectory(path: output)
    let model = try Models.open(config: directory.configData, weights: directory)
    let golden = try JSONDecoder().decode(
      Golden.self, from: Data(contentsOf: URL(fileURLWithPath: "\(Self.fixtures)/logits-\(storage).json")))

    let logits = model.logits(TokenBatch(ids: golden.input_ids))
    let vocabulary = model.shape.vocabularySize
    let bound = Float(2e-4 * (golden.logit_max - golden.logit_min))
    logits.withElements { logits in
      var worst: Float = 0
      for (index, value) in golden.strided.values.enumerated() {
        worst = max(worst, abs(logits[index * golden.strided.stride] - value))
      }
      let last = (golden.input_ids.count - 1) * vocabulary
      for (id, value) in zip(golden.last_position_top.ids, golden.last_position_top.values) {
        worst = max(worst, abs(logits[last + id] - value))
      }
      #expect(worst < bound, "worst difference \(worst) of \(golden.logit_max - golden.logit_min)")
      for (row, sum) in golden.position_sums.enumerated() {
        let found = logits[(row * vocabulary)..<((row + 1) * vocabulary)].reduce(0.0) { $0 + Double($1) }
        #expect(abs(found - sum) < Double(bound) * Double(vocabulary))
      }
    }
    let tape = Tape(isRecording: false)
    var batch = TokenBatch()
    batch.append(ids: golden.input_ids, isTrained: Array(repeating: true, count: golden.input_ids.count))
    let hidden = model.hidden(batch, on: tape, recompute: RecomputePlan(.keepAll), cache: nil)
    let loss = hidden.headCrossEntropy(model.head, labels: batch.labels, normalizer: Double(batch.trainedCount))
    #expect(abs(Double(loss.value.scalar) - golden.loss) < 2e-4 * golden.loss)
  }
}
