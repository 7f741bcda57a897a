import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTQuantization
import QPEFTTensor
import Testing

/// Matrices that bitsandbytes quantized, see Tests/Fixtures/bitsandbytes-checkpoint.
@Suite("The same weights as bitsandbytes writes") struct BitsAndBytesGoldenTests {
  private static let directory = fixture("bitsandbytes-checkpoint")
  static let cases = [
    "f32-nf4-64-dq", "f32-fp4-64", "f32-nf4-32", "f16-nf4-64-dq", "f16-fp4-128-dq", "bf16-nf4-64-dq", "bf16-nf4-4096",
    "bf16-odd-nf4-64", "f32-ragged-nf4-64", "f32-ragged-fp4-64",
  ]

  /// Quantizes a golden's source through the whole writer and gives both files.
  private func quantized(
    _ name: String,
    _ body: (_ golden: SafetensorsFile, _ ours: SafetensorsFile, _ directory: HuggingFaceDirectory) throws -> Void
  ) throws {
    let golden = try SafetensorsFile(path: Self.directory + "/model.safetensors")
    let source = try golden.requireEntry(name + ".source")
    try withTemporaryDirectory { path in
      let input = path + "/in"
      try FileManager.default.createDirectory(atPath: input, withIntermediateDirectories: true)
      try write(#"{"model_type":"llama"}"#, to: input + "/config.json")
      let weight = "model.layers.0.x.weight"
      let writer = try SafetensorsWriter(
        path: input + "/model.safetensors", tensors: [.init(name: weight, type: source.type, shape: source.shape)])
      try writer.write(weight, golden.bytes(source))
      try writer.finish()
      let parts = name.split(separator: "-")
      let format = try #require(QuantizationScheme.Format(rawValue: parts.contains("fp4") ? "fp4" : "nf4"))
      let block = try #require(parts.compactMap { Int($0) }.first)
      _ = try CheckpointQuantizer(
        source: input, output: path + "/out",
        scheme: QuantizationScheme(format: format, blockSize: block, quantizesScales: parts.contains("dq"))
      ).run()
      try body(
        golden, SafetensorsFile(path: path + "/out/model.safetensors"), HuggingFaceDirectory(path: path + "/out"))
    }
  }

  @Test("codes, scales, maps and state have the same bits", arguments: cases)
  func bitIdentical(_ name: String) throws {
    try quantized(name) { golden, ours, _ in
      let prefix = "model.layers.0.x.weight"
      let parts = golden.entries.filter { $0.name.hasPrefix(name + ".weight") }
      #expect(
        Set(parts.map { prefix + $0.name.dropFirst(name.count + ".weight".count) }) == Set(ours.entries.map(\.name)))
      for part in parts {
        let suffix = part.name.dropFirst(name.count + ".weight".count)
        let mine = try ours.requireEntry(prefix + suffix)
        #expect(mine.type == part.type && mine.shape == part.shape, "\(part.name)")
        #expect(Array(ours.bytes(mine)) == Array(golden.bytes(part)), "\(part.name)")
      }
    }
  }

  @Test func `means have torch's bits for every length`() throws {
    let values = try #require(decodedTensors(Self.directory + "/means.safetensors")["values"]).elements
    let means = try JSONValue(parsing: readBytes(Self.directory + "/means.json"))
    for name in means.object?.keys ?? [] {
      let count = try #require(Int(name))
      #expect(Double(TorchSum.mean(Array(values[..<count]))) == means[name]?.number, "\(count)")
    }
  }

  @Test(
    "the tiny models come out as transformers and bitsandbytes wrote them",
    arguments: [
      ("tied-f32", "tied-f32-nf4dq", QuantizationScheme()),
      ("tied-f32", "tied-f32-fp4", QuantizationScheme(format: .fp4, quantizesScales: false)),
      ("untied-bf16-bias", "untied-bf16-bias-nf4dq", QuantizationScheme()),
      ("curve-bf16", "curve-bf16-nf4dq", QuantizationScheme()),
    ])
  func tinyModels(_ source: String, _ golden: String, _ scheme: QuantizationScheme) throws {
    try withTemporaryDirectory { path in
      let report = try CheckpointQuantizer(
        source: fixture("tiny-llama/\(source)"), output: path + "/out", scheme: scheme
      ).run()
      let ours = try SafetensorsFile(path: path + "/out/model.safetensors")
      let theirs = try SafetensorsFile(path: fixture("tiny-llama/\(golden)/model.safetensors"))
      #expect(Set(ours.entries.map(\.name)) == Set(theirs.entries.map(\.name)))
      for entry in theirs.entries {
        let mine = try ours.requireEntry(entry.name)
        #expect(mine.type == entry.type && mine.shape == entry.shape, "\(entry.name)")
        #expect(Array(ours.bytes(mine)) == Array(theirs.bytes(entry)), "\(entry.name)")
      }
      let config = try HuggingFaceDirectory(path: path + "/out").config
      let expected = try HuggingFaceDirectory(path: fixture("tiny-llama/\(golden)")).config
      for key in expected["quantization_config"]?.object?.keys ?? [] where key != "bnb_4bit_compute_dtype" {
        #expect(config["quantization_config"]?[key] == expected["quantization_config"]?[key], "\(key)")
      }
      // The error that the report tells is that of the decoded weights.
      let dense = try HuggingFaceDirectory(path: fixture("tiny-llama/\(source)"))
      let packed = try HuggingFaceDirectory(path: path + "/out")
      for layer in report.layers {
        let ids = (0..<Int32(layer.shape[0])).map { $0 }
        let a = try packed.frozenMatrix(named: layer.name).rows(ids).elements
        let b = try dense.frozenMatrix(named: layer.name).rows(ids).elements
        let error = zip(a, b).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        let norm = b.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs((error / norm).squareRoot() - layer.relativeError) < 1e-6, "\(layer.name)")
      }
    }
  }
}
