import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTQuantization
import QPEFTTensor
import Testing

@Suite("Quantizing a checkpoint") struct CheckpointQuantizerTests {
  private let source = fixture("tiny-llama/untied-bf16-bias")

  @Test func `the report counts layers, bytes and bits per parameter`() throws {
    try withTemporaryDirectory { path in
      var events: [QuantizationProgress] = []
      let report = try CheckpointQuantizer(source: source, output: path + "/out").run { events.append($0) }
      #expect(report.layers.count == 14 && report.shards == ["model.safetensors"])
      let before = try SafetensorsFile(path: source + "/model.safetensors")
      let after = try SafetensorsFile(path: path + "/out/model.safetensors")
      #expect(report.bytesBefore == before.entries.reduce(0) { $0 + $1.range.count })
      // The state's text is not counted as weight.
      let states = after.entries.filter { $0.name.contains("quant_state") }
      #expect(
        report.bytesAfter
          == (after.entries.reduce(0) { $0 + $1.range.count } - states.reduce(0) { $0 + $1.range.count }))
      #expect(report.parameterCount == before.entries.reduce(0) { $0 + $1.range.count / 2 })
      #expect(report.layers.allSatisfy { (0.05..<0.15).contains($0.relativeError) })
      #expect(report.worstLayers(2)[0].relativeError >= report.worstLayers(2)[1].relativeError)
      #expect(events.last?.bytesDone == report.bytesBefore && events.allSatisfy { $0.bytesTotal == report.bytesBefore })
      #expect(zip(events, events.dropFirst()).allSatisfy { $0.bytesDone <= $1.bytesDone })
      let json = try JSONEncoder().encode(report)
      #expect(try JSONDecoder().decode(QuantizationReport.self, from: json) == report)
    }
  }

  @Test func `what is kept on demand stays as it is and is named in the configuration`() throws {
    try withTemporaryDirectory { path in
      let report = try CheckpointQuantizer(
        source: source, output: path + "/out", keep: ["*.down_proj.weight", "layers.1.self_attn"]
      ).run()
      #expect(report.layers.count == 8)
      let ours = try HuggingFaceDirectory(path: path + "/out")
      #expect(try ours.tensor(named: "model.layers.0.mlp.down_proj.weight").type == .bf16)
      let skipped = ours.config["quantization_config"]?["llm_int8_skip_modules"]?.array?.compactMap(\.string) ?? []
      #expect(skipped.first == "lm_head" && skipped.contains("model.layers.0.mlp.down_proj") && skipped.count == 7)
      #expect(ours.config["quantization_config"]?["bnb_4bit_compute_dtype"] == "bfloat16")
    }
  }

  @Test func `keeping everything gives a plain directory`() throws {
    try withTemporaryDirectory { path in
      let report = try CheckpointQuantizer(
        source: fixture("gguf/tiny-llama.gguf"), output: path + "/out", keep: ["*"], keptType: .f32
      ).run()
      let ours = try HuggingFaceDirectory(path: path + "/out")
      #expect(report.layers.isEmpty && ours.config["quantization_config"] == nil)
      let expected = try decodedTensors(fixture("gguf/tiny-llama-decoded.safetensors"))
      #expect(ours.tensorNames == expected.keys.sorted())
      for (name, tensor) in expected { #expect(try bits(ours.vector(named: name)) == bits(tensor), "\(name)") }
    }
  }

  @Test func `a pattern that matches nothing is an error`() throws {
    try withTemporaryDirectory { path in
      #expect(throws: QuantizerError.keepMatchesNothing(pattern: "downproj")) {
        try CheckpointQuantizer(source: source, output: path + "/out", keep: ["downproj"]).run()
      }
    }
  }

  @Test func `small shards get an index that opens them again`() throws {
    try withTemporaryDirectory { path in
      let report = try CheckpointQuantizer(source: source, output: path + "/out", shardByteLimit: 20_000).run()
      #expect(report.shards.count > 2 && report.shards[0].hasPrefix("model-00001-of-"))
      _ = try CheckpointQuantizer(source: source, output: path + "/one").run()
      let sharded = try HuggingFaceDirectory(path: path + "/out")
      let single = try HuggingFaceDirectory(path: path + "/one")
      #expect(sharded.tensorNames == single.tensorNames)
      for name in single.tensorNames {
        #expect(try Array(sharded.tensor(named: name).bytes) == Array(single.tensor(named: name).bytes), "\(name)")
      }
    }
  }

  @Test func `an output that holds something is refused and untouched; an empty one is used`() throws {
    try withTemporaryDirectory { path in
      let output = path + "/out"
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
      _ = try CheckpointQuantizer(source: source, output: output + "/").run()
      let before = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
      #expect(throws: FileError.outputNotEmpty(path: output)) {
        try CheckpointQuantizer(source: source, output: output).run()
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: output).sorted() == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["out"])
    }
  }

  @Test func `a run that is stopped leaves nothing behind`() throws {
    struct Stop: Error {}
    try withTemporaryDirectory { path throws in
      var count = 0
      #expect(throws: Stop.self) {
        try CheckpointQuantizer(source: source, output: path + "/out").run { _ in
          count += 1
          if count == 5 { throw Stop() }
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }
  }

  @Test func `a quantized source is refused with a remedy`() throws {
    try withTemporaryDirectory { path in
      #expect(throws: QuantizerError.self) {
        try CheckpointQuantizer(source: fixture("tiny-llama/tied-f32-nf4dq"), output: path + "/out").run()
      }
      #expect(throws: QuantizationError.blockSize(48)) {
        try CheckpointQuantizer(source: source, output: path + "/out", scheme: .init(blockSize: 48)).run()
      }
    }
  }

  /// A directory with one linear layer of these numbers.
  private func directory(_ path: String, _ numbers: [Float], rows: Int) throws -> String {
    let input = path + "/in"
    try FileManager.default.createDirectory(atPath: input, withIntermediateDirectories: true)
    try write(#"{"model_type":"llama","dtype":"float16"}"#, to: input + "/config.json")
    try write("{}", to: input + "/tokenizer.json")
    let name = "model.layers.0.x.weight"
    let writer = try SafetensorsWriter(
      path: input + "/model.safetensors",
      tensors: [.init(name: name, type: .f32, shape: [rows, numbers.count / rows])])
    try numbers.withUnsafeBytes { try writer.write(name, $0) }
    try writer.finish()
    return input
  }

  @Test("weights that are NaN or infinite are refused by name", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(_ number: Float) throws {
    try withTemporaryDirectory { path in
      var numbers = [Float](repeating: 0.1, count: 256)
      numbers[77] = number
      let input = try directory(path, numbers, rows: 4)
      #expect(throws: QuantizerError.notFinite(tensor: "model.layers.0.x.weight")) {
        try CheckpointQuantizer(source: input, output: path + "/out").run()
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["in"])
    }
  }

  @Test func `zeros have no error, other files come along, and the type in the configuration is the weights' own`()
    throws
  {
    try withTemporaryDirectory { path in
      let input = try directory(path, [Float](repeating: 0, count: 256), rows: 4)
      let report = try CheckpointQuantizer(source: input, output: path + "/out").run()
      #expect(report.layers[0].relativeError == 0)
      #expect(try readBytes(path + "/out/tokenizer.json") == Array("{}".utf8))
      #expect(try HuggingFaceDirectory(path: path + "/out").config["dtype"] == "float32")
    }
  }

  @Test func `a matrix of many chunks has the codes of the matrix quantized at once`() throws {
    try withTemporaryDirectory { path in
      // 4.5 million weights, rows that no block divides.
      let numbers = (0..<(3000 * 1500)).map { (index: Int) -> Float in Float((index * 7919) % 2003 - 1001) / 4000 }
      let input = try directory(path, numbers, rows: 3000)
      _ = try CheckpointQuantizer(source: input, output: path + "/out").run()
      let matrix = try HuggingFaceDirectory(path: path + "/out").frozenMatrix(named: "model.layers.0.x.weight")
      let expected = try Quantized4BitMatrix(quantizing: Tensor([3000, 1500], numbers))
      let ids: [Int32] = [0, 1, 1499, 2795, 2796, 2797, 2998, 2999]
      #expect(bits(matrix.rows(ids)) == bits(expected.rows(ids)))
    }
  }

  @Test
  func `a link to an empty directory is followed, and a place that cannot be replaced is refused before any work`()
    throws
  {
    try withTemporaryDirectory { directory in
      let manager = FileManager.default
      try manager.createDirectory(atPath: directory + "/empty", withIntermediateDirectories: false)
      try manager.createSymbolicLink(atPath: directory + "/link", withDestinationPath: directory + "/empty")
      try manager.createSymbolicLink(atPath: directory + "/dangling", withDestinationPath: directory + "/nothing")
      let output = try OutputDirectory(path: directory + "/link")
      try write("x", to: output.file("a"))
      try output.finish()
      #expect(try manager.contentsOfDirectory(atPath: directory + "/empty") == ["a"])
      #expect(try manager.destinationOfSymbolicLink(atPath: directory + "/link") == directory + "/empty")
      let dangling = directory + "/dangling"
      #expect(throws: FileError.outputInUse(path: dangling)) { try OutputDirectory(path: dangling) }
      #expect(throws: FileError.outputNotEmpty(path: directory)) { try OutputDirectory(path: directory) }
      #expect(throws: FileError.self) { try OutputDirectory(path: "") }
      let file = directory + "/link/file"
      try Data().write(to: URL(fileURLWithPath: file))
      #expect(
        throws: FileError.system(action: "create", path: file + "/x", reason: "\(file) is not a directory")
      ) { try OutputDirectory(path: file + "/x") }
      #expect(try manager.contentsOfDirectory(atPath: directory).sorted() == ["dangling", "empty", "link"])
    }
  }
}
