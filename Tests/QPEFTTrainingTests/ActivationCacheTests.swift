import Foundation
import QPEFT
import Testing

@Suite("Cache of activations") struct ActivationCacheTests {
  /// A tiny model with adapters on its second block alone.
  struct Top {
    let model: any LanguageModel
    let adapters: LoRAAdapters

    init(_ name: String = "tied-f32", blocks: [Int] = [1]) throws {
      var configuration = LoRAConfiguration()
      configuration.layers = blocks
      let adapters = try LoRAAdapters(configuration, seed: 3)
      let directory = try HuggingFaceDirectory(path: Fixture.path("tiny-llama/" + name))
      model = try Models.open(config: directory.configData, weights: directory, adapters: adapters.choice)
      self.adapters = adapters
    }

    func cached(_ directory: String, _ storage: ActivationCache.Storage = .f32, key: String = "a") throws -> CachedModel
    {
      try CachedModel(model, directory: directory, storage: storage) { Fingerprint(files: [], and: [Array(key.utf8)]) }
    }

    var bits: [UInt32] { adapters.parameters.flatMap { $0.value.elements.map(\.bitPattern) } }
  }

  /// Nine documents; some of them shorter than what kernels compute in another way.
  static let rows =
    TinyRun.rows(6)
    + [2, 5, 8].map { count in
      TrainingRow(ids: (0..<count).map { Int32($0 * 11 + count) }, isTrained: (0..<count).map { $0 > 0 })
    }

  /// Two epochs, three documents at a time.
  static func trainer(_ model: any LanguageModel, _ top: Top, in type: ComputeType = .f32) throws -> Trainer {
    let options = TrainerTests.options {
      $0.computeType = type
      $0.batchSize = 3
      $0.steps = nil
      $0.epochs = 2
    }
    return try Trainer(model: model, parameters: top.adapters.parameters, rows: rows, options: options)
  }

  static func files(_ directory: String) throws -> [String] {
    let folders = try FileManager.default.contentsOfDirectory(atPath: directory)
    return try folders.flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(folder)").map {
        "\(directory)/\(folder)/\($0)"
      }
    }.sorted()
  }

  static func train(_ model: any LanguageModel, _ top: Top, in type: ComputeType = .f32) throws -> [UInt32] {
    let trainer = try trainer(model, top, in: type)
    let plan = try trainer.plan()
    for _ in 0..<trainer.totalSteps { try trainer.step() }
    #expect(trainer.ledger.total.peak <= plan.peak)
    return top.bits
  }

  @Test(arguments: ["tied-f32", "untied-bf16-bias-nf4dq"])
  func `in float32 a run has the bits of one without it, in its first epoch, in later ones, and in later runs`(
    name: String
  ) throws {
    let folder = try TemporaryDirectory()
    let plain = try Top(name)
    let expected = try Self.train(plain.model, plain)
    for run in 0..<2 {
      let top = try Top(name)
      let model = try top.cached(folder.path)
      #expect(try Self.train(model, top) == expected, "run \(run)")
      let count = Self.rows.count
      #expect(model.cache.kept == (run == 0 ? count : 0) && model.cache.found == (run == 0 ? count : 2 * count))
      #expect(try Self.files(folder.path).count == count)
    }
  }

  @Test func `what a run in bfloat16 keeps is for every run`() throws {
    let folder = try TemporaryDirectory()
    let name = "untied-bf16-bias-nf4dq"
    let (first, second, plain) = (try Top(name), try Top(name), try Top(name))
    let expected = try Self.train(plain.model, plain)
    #expect(try Self.train(first.cached(folder.path), first, in: .bf16) != expected)
    let model = try second.cached(folder.path)
    #expect(try Self.train(model, second) == expected)
    #expect(model.cache.kept == 0 && model.cache.found == 2 * Self.rows.count)
  }

  @Test func `a run that computes in bfloat16 goes on with its cache, or without if it had none`() throws {
    let base = try BaseModel(Fixture.path("demo-model"))
    let rows = try base.dataset(Fixture.path("../../Docs/Examples/requests/heldout.jsonl")).rows
    var configuration = LoRAConfiguration()
    configuration.layers = [3]
    let folder = try TemporaryDirectory()
    func run(_ type: ComputeType, caches: Bool, resumes: Bool) throws -> TrainingRun {
      var tuned = try base.attach(configuration)
      if caches { tuned = try tuned.caching(in: folder.path + "/cache") }
      let options = TrainerTests.options {
        $0.computeType = type
        $0.saveSteps = 1
        $0.steps = 2
      }
      return try tuned.train(on: rows, options: options, output: "\(folder.path)/\(type)", resumes: resumes)
    }
    for (type, differences) in [(ComputeType.f32, []), (.bf16, ["cache_dtype"])] {
      let events = try run(type, caches: true, resumes: false)
      while try events.next() != nil {}
      _ = try run(type, caches: true, resumes: true)
      var found: [String] = []
      do { _ = try run(type, caches: false, resumes: true) } catch TrainingError.differs(_, let names) {
        found = names.map(\.name)
      }
      #expect(found == differences)
    }
  }

  @Test func `in bfloat16 it takes half the room, and all epochs have the same numbers`() throws {
    let folders = try (0..<2).map { _ in try TemporaryDirectory() }
    let sizes = try zip(folders, ActivationCache.Storage.allCases).map { folder, storage in
      let top = try Top()
      _ = try Self.train(top.cached(folder.path, storage), top)
      return try Self.files(folder.path).reduce(0) { try $0 + Data(contentsOf: URL(fileURLWithPath: $1)).count }
    }
    let tokens = Self.rows.tokenCount
    let header = Self.rows.count * 24 + 4 * tokens
    #expect(sizes[0] - header == 2 * (sizes[1] - header))
    // From what is there, a run has the same numbers as the run that wrote it.
    let tops = try (0..<2).map { _ in try Top() }
    let fresh = try TemporaryDirectory()
    #expect(
      try Self.train(tops[0].cached(fresh.path, .bf16), tops[0])
        == Self.train(tops[1].cached(folders[1].path, .bf16), tops[1]))
  }

  @Test func `another model, another number of blocks or another row finds nothing`() throws {
    let folder = try TemporaryDirectory()
    let top = try Top()
    _ = try Self.train(top.cached(folder.path), top)
    let other = try Top()
    let model = try other.cached(folder.path, key: "b")
    _ = try Self.train(model, other)
    #expect(model.cache.kept == Self.rows.count)
    var changed = Self.rows
    changed[0].ids[1] += 1
    changed[1].ids.removeLast()
    changed[1].isTrained.removeLast()
    let third = try Top()
    let cached = try third.cached(folder.path)
    let trainer = try Trainer(
      model: cached, parameters: third.adapters.parameters, rows: changed,
      options: TrainerTests.options {
        $0.batchSize = 3
        $0.steps = nil
      })
    for _ in 0..<trainer.totalSteps { try trainer.step() }
    #expect(cached.cache.kept == 2 && cached.cache.found == Self.rows.count - 2)
  }

  @Test func `what is damaged is computed again`() throws {
    let folder = try TemporaryDirectory()
    let plain = try Top()
    let expected = try Self.train(plain.model, plain)
    let top = try Top()
    _ = try Self.train(top.cached(folder.path), top)
    let files = try Self.files(folder.path)
    let changes: [(inout Data) -> Void] = [
      { $0.removeLast() }, { $0 = Data() }, { $0[10] ^= 1 }, { $0[30] ^= 1 }, { $0[$0.count - 2] ^= 1 },
    ]
    for (file, change) in zip(files, changes) {
      var data = try Data(contentsOf: URL(fileURLWithPath: file))
      change(&data)
      try data.write(to: URL(fileURLWithPath: file))
    }
    let again = try Top()
    let model = try again.cached(folder.path)
    #expect(try Self.train(model, again) == expected)
    #expect(model.cache.kept == 5)
  }

  @Test func `rows that this version would not compute are all thrown away`() throws {
    let folder = try TemporaryDirectory()
    let (other, plain, top) = (try Top("untied-bf16-bias-nf4dq"), try Top(), try Top())
    // What another version of the kernels wrote under the same key.
    _ = try Self.train(other.cached(folder.path), other)
    let model = try top.cached(folder.path)
    #expect(try Self.train(model, top) == Self.train(plain.model, plain))
    #expect(model.cache.kept == Self.rows.count)
  }

  @Test func `a cache that cannot be written stops the run before its first step`() throws {
    let top = try Top()
    let trainer = try Self.trainer(top.cached("/proc/nowhere"), top)
    do {
      try trainer.step()
      Issue.record("the step was done")
    } catch {
      guard case .activationCache(.system(action: "create", path: _, reason: _)) = error else { throw error }
    }
    #expect(trainer.completedSteps == 0)
  }

  @Test func `where the first block is trained there is nothing to keep`() throws {
    let top = try Top(blocks: [0, 1])
    #expect(throws: TrainingError.nothingToCache) { try top.cached("nowhere") }
  }
}
