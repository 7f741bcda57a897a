import Foundation
import QPEFT
import Testing

private let smolLM2 = ProcessInfo.processInfo.environment["QPEFT_SMOLLM2"]

/// Numbers of transformers + bitsandbytes; see Tests/Fixtures/smollm2/PROVENANCE.md.
@Suite("SmolLM2-135M finds a text as likely as in the reference libraries", .serialized, .enabled(if: smolLM2 != nil))
struct RealPerplexityTests {
  struct Golden: Decodable {
    struct Model: Decodable {
      let perplexity: Double
      let predicted_tokens: Int
    }
    let window: Int
    let tokens: Int
    let models: [String: Model]
  }

  @Test(arguments: ["f32", "nf4dq", "nf4", "fp4"])
  func `perplexity of a fixed text`(storage: String) throws {
    let gguf = try #require(smolLM2)
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let scheme = QuantizationScheme(format: storage == "fp4" ? .fp4 : .nf4, quantizesScales: storage == "nf4dq")
    // The golden numbers keep the embedding in float32.
    _ = try CheckpointQuantizer(
      source: gguf, output: output, scheme: scheme, keep: storage == "f32" ? ["*"] : [], keptType: .f32
    ).run()
    let golden = try Fixture.json(Golden.self, "smollm2/perplexity.json")
    let wanted = try #require(golden.models[storage])

    let base = try BaseModel(output)
    let windows = try base.windows(ofText: Fixture.path("text-eval/prose.txt"), length: golden.window)
    #expect(windows.reduce(0) { $0 + $1.ids.count } == golden.tokens)
    let result = try Evaluation.run(base.withoutAdapter().model, windows)
    #expect(result.predictedTokens == wanted.predicted_tokens)
    #expect(abs(result.perplexity - wanted.perplexity) <= 2e-4 * wanted.perplexity, "\(result.perplexity)")
    print("perplexity \(storage): \(result.perplexity), reference \(wanted.perplexity)")
  }
}
