import Foundation
import QPEFT
import QPEFTLayers
import QPEFTModels
import QPEFTTensor
import Testing

private let smolLM2 = ProcessInfo.processInfo.environment["QPEFT_SMOLLM2"]

/// Why `GenerationOptions.arithmetic` may be fixed point by default.
@Suite("SmolLM2-135M writes the same in fixed point", .serialized, .enabled(if: smolLM2 != nil))
struct FixedPointTests {
  @Test func `from NF4 the likeliest token is that of float32 in 995 of 1000 places of real text`() throws {
    let gguf = try #require(smolLM2)
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    _ = try CheckpointQuantizer(source: gguf, output: output).run()
    try compare(BaseModel(output))
  }

  @Test func `and so it is from the blocks of a GGUF file`() throws {
    try compare(BaseModel(#require(smolLM2)))
  }

  private func compare(_ base: BaseModel) throws {
    let model = try base.withoutAdapter().model
    let windows = try base.windows(ofText: Fixture.path("text-eval/prose.txt"), length: 256)
    var (same, places) = (0, 0)
    for window in windows.prefix(4) {
      let wanted = likeliest(model.logits(TokenBatch(ids: window.ids)))
      let cache = model.makeCache(capacity: window.ids.count, type: GenerationOptions().cacheType)
      for (position, id) in window.ids.enumerated() {
        let logits = ProductArithmetic.$current.withValue(.fixedPoint) {
          model.logits(TokenBatch(ids: [id], firstPosition: position), cache: cache)
        }
        same += likeliest(logits)[0] == wanted[position] ? 1 : 0
        places += 1
      }
    }
    #expect(places == 1024)
    #expect(Double(same) >= 0.995 * Double(places), "\(same) of \(places)")
    print("fixed point: the likeliest token is the same in \(same) of \(places) places")
  }

  /// The column of the largest number of each row.
  private func likeliest(_ logits: Tensor) -> [Int] {
    let width = logits.shape.columns
    return logits.withElements { logits in
      (0..<logits.count / width).map { row in
        (0..<width).reduce(0) { logits[row * width + $1] > logits[row * width + $0] ? $1 : $0 }
      }
    }
  }
}
