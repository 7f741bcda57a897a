import Foundation
import QPEFT
import Testing

@Suite("Merging", .serialized) struct MergeTests {
  let folder: TemporaryDirectory
  var output: String { folder.path + "/merged" }

  init() throws { folder = try TemporaryDirectory() }

  private func merge(_ name: String, adapter: String? = nil) throws -> AdapterMerge {
    AdapterMerge(
      model: try ByteTokenizer.model(name, in: folder.path),
      adapter: Fixture.path("tiny-llama/lora/\(adapter ?? name)/final"), output: output)
  }

  @Test(
    "the merged model predicts what the model with its adapter does",
    arguments: ["tied-f32", "tied-f32-nf4dq", "untied-bf16-bias-nf4dq"])
  func equalsAdapterOn(name: String) throws {
    var merge = try merge(name)
    merge.storage = .float(.f32)
    let report = try merge.run()
    #expect(report.layers.count == 14)
    #expect(report.layers.allSatisfy { $0.relativeUpdate > 0.01 && $0.relativeRounding == 0 })
    let comparison = try merge.compare(window: 64)
    #expect(comparison.divergence < 1e-9 && comparison.agreement == 1, "\(comparison)")
    #expect(abs(comparison.perplexity / comparison.otherPerplexity - 1) < 1e-5)
    // Without the adapter the model is another one: the comparison can tell.
    let base = try BaseModel(merge.model)
    let plain = try ModelComparison.run(
      base.attach(adapter: merge.adapter).model, base.withoutAdapter().model,
      Evaluation.windows(Array(3..<60), length: 57))
    #expect(plain.divergence > 1e-3, "\(plain)")
  }

  @Test(
    "so does one of an adapter with any of PEFT's options, modules trained whole included",
    arguments: AdapterGoldenTests.names)
  func equalsAnyAdapterOn(name: String) throws {
    let base = try Fixture.json(AdapterGoldenTests.Settings.self, "adapters/\(name)/golden.json").base
    var merge = AdapterMerge(
      model: try ByteTokenizer.model(base, of: "adapters", in: folder.path),
      adapter: Fixture.path("adapters/\(name)/adapter"), output: output)
    merge.storage = .float(.f32)
    _ = try merge.run()
    let comparison = try merge.compare(window: 32)
    #expect(comparison.divergence < 1e-9 && comparison.agreement == 1, "\(comparison)")
  }

  @Test func `weights are those of PEFT's merge_and_unload`() throws {
    var merge = try merge("tied-f32")
    merge.storage = .float(.f32)
    _ = try merge.run()
    let found = try Fixture.tensors(output + "/model.safetensors")
    for (name, expected) in try Fixture.tensors(Fixture.path("tiny-llama/merged.safetensors")) {
      let tensor = try #require(found[name])
      #expect(tensor.shape == expected.shape)
      for (a, b) in zip(tensor.elements, expected.elements) { #expect(abs(a - b) <= 4e-6, "\(name)") }
    }
  }

  @Test("numbers are rounded once to the type that is asked for", arguments: [ElementType.f16, .bf16])
  func rounding(type: ElementType) throws {
    var merge = try merge("tied-f32")
    merge.storage = .float(.f32)
    _ = try merge.run()
    let exact = try HuggingFaceDirectory(path: output)
    merge.output = folder.path + "/rounded"
    merge.storage = .float(type)
    let report = try merge.run()
    let rounded = try HuggingFaceDirectory(path: merge.output)
    #expect(rounded.tensorNames == exact.tensorNames)
    // Half a step of 11 or 8 significant bits; half a subnormal step of float16 below that.
    let unit = type == .f16 ? 0x1p-11 : 0x1p-8
    for name in exact.tensorNames {
      let tensor = try rounded.tensor(named: name)
      #expect(tensor.type.elementType == type)
      let pairs = zip(try tensor.decoded().elements, try exact.tensor(named: name).decoded().elements)
      #expect(pairs.allSatisfy { Double(abs($0 - $1)) <= Double(abs($1)) * unit + 0x1p-25 }, "\(name)")
    }
    #expect(report.layers.allSatisfy { $0.relativeRounding > 0 && $0.relativeRounding < unit })
    let config = String(decoding: rounded.configData, as: UTF8.self)
    #expect(config.contains(type.torchName) && !config.contains("quantization_config"))
  }

  @Test func `without a type the result has the one that the configuration names`() throws {
    _ = try merge("untied-bf16-bias-nf4dq").run()
    let merged = try HuggingFaceDirectory(path: output)
    #expect(try merged.tensorNames.allSatisfy { try merged.tensor(named: $0).type == .bf16 })
  }

  @Test func `the update can be added to the weights that were quantized`() throws {
    var merge = try merge("tied-f32-nf4dq", adapter: "tied-f32")
    merge.base = .original(Fixture.path("tiny-llama/tied-f32"))
    merge.storage = .float(.f32)
    let report = try merge.run()
    #expect(report.base == Fixture.path("tiny-llama/tied-f32"))
    for (name, expected) in try Fixture.tensors(Fixture.path("tiny-llama/merged.safetensors")) {
      let found = try Fixture.tensors(output + "/model.safetensors")
      for (a, b) in zip(try #require(found[name]).elements, expected.elements) {
        #expect(abs(a - b) <= 4e-6, "\(name)")
      }
    }
    merge.output = folder.path + "/other"
    merge.base = .original(Fixture.path("tiny-llama/rope-linear"))
    #expect(throws: MergeError.self) { try merge.run() }
    merge.base = .original(merge.model)
    #expect(throws: QuantizerError.self) { try merge.run() }
    #expect(!FileManager.default.fileExists(atPath: merge.output))
  }

  @Test func `storing in four bits again says what it loses`() throws {
    var merge = try merge("tied-f32-nf4dq")
    merge.storage = .fourBit(QuantizationScheme(format: .nf4))
    let report = try merge.run()
    #expect(report.linearType == "nf4")
    #expect(report.layers.allSatisfy { $0.relativeRounding > 0.05 && $0.relativeRounding < 0.15 })
    #expect(report.roundingOverUpdate > 0.05)
    let matrix = try HuggingFaceDirectory(path: output).frozenMatrix(named: "model.layers.0.self_attn.q_proj.weight")
    #expect(matrix is Quantized4BitMatrix)
    let comparison = try merge.compare(window: 64)
    #expect(comparison.divergence > 1e-4, "\(comparison)")
  }

  @Test func `an update below the rounding of the type is told`() throws {
    let merge = try merge("tied-f32")
    // The same adapter, a hundred thousand times smaller.
    var saved = try PEFTAdapterDirectory(path: merge.adapter)
    for (name, tensor) in saved.tensors where name.contains("lora_B") { saved.tensors[name] = 1e-5 * tensor }
    try saved.write(to: folder.path + "/small")
    var small = merge
    small.adapter = folder.path + "/small"
    small.storage = .float(.bf16)
    #expect(try small.run().layersBelowRounding.count == 14)
    small.storage = .float(.f32)
    small.output = folder.path + "/exact"
    #expect(try small.run().layersBelowRounding.isEmpty)
  }

  @Test func `the result is sharded with an index where it is long, and reads the same`() throws {
    var merge = try merge("tied-f32")
    merge.storage = .float(.f32)
    _ = try merge.run()
    let whole = try Fixture.tensors(output + "/model.safetensors")
    merge.output = folder.path + "/shards"
    merge.shardByteLimit = 150_000
    let report = try merge.run()
    #expect(report.shards.count > 1)
    let directory = try HuggingFaceDirectory(path: merge.output)
    #expect(Set(directory.tensorNames) == Set(whole.keys))
    for name in directory.tensorNames { #expect(try directory.tensor(named: name).decoded() == whole[name]) }
  }

  @Test func `memory does not grow with the model, merged or exported`() throws {
    let model = folder.path + "/large"
    // 59 million weights: 236 MB as they are computed.
    try SparseModel.make(at: model, hidden: 1024, inner: 16384, vocabulary: 259)
    let tuned = try BaseModel(model).attach()
    try tuned.save(to: folder.path + "/adapter")
    let adapter = try #require(tuned.adapters).parameterCount * 4
    func peak(_ body: () throws -> Void) throws -> Int {
      let ledger = MemoryLedger()
      try MemoryLedger.$current.withValue(ledger, operation: body)
      return ledger.total.peak
    }
    let merge = AdapterMerge(model: model, adapter: folder.path + "/adapter", output: output)
    var export = GGUFExport(model: model, adapter: merge.adapter, output: folder.path + "/model.gguf")
    export.storage = .q4_0
    for peak in try [peak { _ = try merge.run() }, peak { _ = try export.run() }] {
      // Twice the adapter: read from its file, and in place.
      #expect(peak <= AdapterMerge.memoryLimit + 2 * adapter, "\(peak)")
      #expect(peak > 2 * (4 << 20), "\(peak)")
    }
  }

  @Test func `a disk that is too small for the result is told before anything is written`() throws {
    let model = folder.path + "/larger than the disk"
    var status = statvfs()
    try #require(statvfs(folder.path, &status) == 0)
    // An embedding of three times the free bytes.
    let vocabulary = 1 << 24, free = Int(status.f_bavail) * Int(status.f_frsize)
    try SparseModel.make(
      at: model, hidden: 16 * (1 + 3 * free / (2 * 16 * vocabulary)), inner: 64, vocabulary: vocabulary)
    let adapter = folder.path + "/adapter"
    try BaseModel(model).attach().save(to: adapter)
    func expectTooLittleSpace(_ body: () throws -> Void) {
      do {
        try body()
        Issue.record("written")
      } catch FileError.notEnoughSpace(let path, let needed, let available) {
        #expect(path == output && needed > available)
      } catch { Issue.record("\(error)") }
    }
    expectTooLittleSpace { _ = try CheckpointQuantizer(source: model, output: output).run() }
    expectTooLittleSpace { _ = try AdapterMerge(model: model, adapter: adapter, output: output).run() }
    #expect(
      try Set(FileManager.default.contentsOfDirectory(atPath: folder.path)) == ["adapter", "larger than the disk"])
  }

  @Test func `what is stopped leaves nothing, and what exists is not written over`() throws {
    struct Stop: Error {}
    let merge = try merge("tied-f32")
    #expect(throws: Stop.self) { try merge.run { if $0.bytesDone > 0 { throw Stop() } } }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.hasPrefix("merged") }, "\(left)")
    #expect(throws: FileError.self) {
      var existing = merge
      existing.output = merge.model
      _ = try existing.run()
    }
  }
}
