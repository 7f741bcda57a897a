import Foundation
import QPEFTHub
import Synchronization
import Testing

@Suite("Models from the hub", .serialized) struct HubPullTests {
  /// Checksums by `sha256sum` and `git hash-object`.
  static let files: [String: FakeHub.File] = [
    "config.json": .init(
      bytes: Array(#"{"model_type": "llama"}"#.utf8), checksum: "230d5f4da0da586aad26ead694ea67cd15bd6df1",
      isLarge: false),
    "model-00001-of-00002.safetensors": .init(
      bytes: pattern(3, 100_000), checksum: "42d8e7b811ac2f6759d2c5c78cbf2f485adda38fd8563e14e801e2a99e0829e9",
      isLarge: true),
    "model-00002-of-00002.safetensors": .init(
      bytes: pattern(5, 70_001), checksum: "7904b8390345c83d766ceb5ba9b5f9e84a6b086fa17b98e33a26a8781f9b9791",
      isLarge: true),
    "pytorch_model.bin": .init(
      bytes: pattern(7, 10), checksum: "7b89bc28adda5dfee7a91e54fb8cac442c07f305ad1da33795acdfc01fea10e9", isLarge: true
    ),
    "onnx/model.json": .init(bytes: [1], checksum: "6b2aaa7640726588bcd3d57e1de4b1315b7f315e", isLarge: false),
  ]

  /// Numbers that a line of Python makes again: bytes((i * k * k) >> 3 & 255 for i in range(n)).
  static func pattern(_ k: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 * k * k) >> 3) }
  }

  private func withCache<R>(_ body: (String) async throws -> R) async throws -> R {
    let path = FileManager.default.temporaryDirectory.path + "/qpeft-hub-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
  }

  private func settings(_ hub: FakeHub, _ cache: String, _ more: [String: String] = [:]) -> HubSettings {
    var settings = HubSettings(
      environment: ["HF_ENDPOINT": hub.server.address + "/", "HF_HOME": cache].merging(more) { $1 })
    settings.attempts = 3
    return settings
  }

  private func pull(
    _ settings: HubSettings, _ text: String = "org/tiny", _ patterns: [String] = []
  ) async throws -> HubPull.Result {
    try await HubPull(try #require(HubReference(text)), patterns: patterns, settings: settings).run()
  }

  private func failure(
    _ settings: HubSettings, _ text: String = "org/tiny", patterns: [String] = []
  ) async -> HubError? {
    do { _ = try await pull(settings, text, patterns) } catch { return error as? HubError }
    return nil
  }

  private func bytes(_ path: String) -> [UInt8]? { FileManager.default.contents(atPath: path).map(Array.init) }

  private func blobs(_ cache: String) -> [String] {
    let path = cache + "/hub/models--org--tiny/blobs"
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  @Test func `a model arrives in the layout of huggingface's cache, checked, with progress`() async throws {
    let hub = try FakeHub(Self.files)
    try await withCache { cache in
      let reports = Mutex<[HubPull.Progress]>([])
      let reference = try #require(HubReference("org/tiny"))
      let result = try await HubPull(reference, settings: settings(hub, cache)).run { report in
        reports.withLock { $0.append(report) }
      }
      let root = cache + "/hub/models--org--tiny"
      #expect(result.path == "\(root)/snapshots/\(FakeHub.commit)" && result.commit == FakeHub.commit)
      #expect(result.files == Self.files.keys.filter { $0 != "pytorch_model.bin" && !$0.contains("/") }.sorted())
      for name in result.files {
        let file = try #require(Self.files[name])
        #expect(bytes(result.path + "/" + name) == file.bytes, "\(name)")
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: result.path + "/" + name)
        #expect(link == "../../blobs/\(file.checksum)")
      }
      #expect(bytes(root + "/refs/main") == Array(FakeHub.commit.utf8))
      #expect(HubCache(path: cache + "/hub").model(reference) == result.path)
      let last = try #require(reports.withLock { $0.last })
      #expect(last.files == 3 && last.totalFiles == 3 && last.bytes == last.totalBytes && last.bytes == result.bytes)

      // What is there is not fetched again.
      let before = hub.server.requests.count
      #expect(try await pull(settings(hub, cache)) == result)
      #expect(hub.server.requests.count == before + 1)
    }
  }

  @Test func `shards arrive at the same time`() async throws {
    let hub = try FakeHub(Self.files, .init(delay: 200_000))
    try await withCache { cache in
      _ = try await pull(settings(hub, cache))
      #expect(hub.mostAtOnce >= 2)
    }
  }

  @Test func `dropped connections go on where they broke`() async throws {
    let hub = try FakeHub(Self.files, .init(breaksAfter: 30_000))
    try await withCache { cache in
      let result = try await pull(settings(hub, cache))
      for name in result.files { #expect(bytes(result.path + "/" + name) == Self.files[name]?.bytes, "\(name)") }
      let ranges = hub.server.requests.compactMap { $0.headers["range"] }
      #expect(Set(ranges) == ["bytes=30000-", "bytes=60000-", "bytes=90000-"])
    }
  }

  @Test func `a server without ranges is asked from the beginning`() async throws {
    let hub = try FakeHub(Self.files, .init(knowsRanges: false))
    try await withCache { cache in
      let name = "model-00001-of-00002.safetensors"
      let file = try #require(Self.files[name])
      let blob = cache + "/hub/models--org--tiny/blobs"
      try FileManager.default.createDirectory(atPath: blob, withIntermediateDirectories: true)
      try Data(file.bytes.prefix(500)).write(to: URL(fileURLWithPath: "\(blob)/\(file.checksum).incomplete"))
      let result = try await pull(settings(hub, cache))
      #expect(bytes(result.path + "/" + name) == file.bytes)
    }
  }

  @Test func `an interrupted run's bytes are used where they are right, and fetched again where not`() async throws {
    for isRight in [true, false] {
      let hub = try FakeHub(Self.files)
      try await withCache { cache in
        let name = "model-00001-of-00002.safetensors"
        let file = try #require(Self.files[name])
        let blob = cache + "/hub/models--org--tiny/blobs"
        try FileManager.default.createDirectory(atPath: blob, withIntermediateDirectories: true)
        let old = isRight ? Array(file.bytes.prefix(99_000)) : [UInt8](repeating: 1, count: 99_000)
        try Data(old).write(to: URL(fileURLWithPath: "\(blob)/\(file.checksum).incomplete"))
        let result = try await pull(settings(hub, cache))
        #expect(bytes(result.path + "/" + name) == file.bytes)
        let asked = hub.server.requests.filter { $0.path.hasSuffix(name) }
        #expect(asked.map { $0.headers["range"] } == (isRight ? ["bytes=99000-"] : ["bytes=99000-", nil]))
      }
    }
  }

  @Test(arguments: [true, false])
  func `wrong bytes are refused and leave nothing that opens`(isLarge: Bool) async throws {
    var files = Self.files
    let name = isLarge ? "model-00002-of-00002.safetensors" : "config.json"
    files[name]?.bytes[3] ^= 1
    let hub = try FakeHub(files)
    try await withCache { cache in
      let error = await failure(settings(hub, cache))
      guard case .checksum(name, let expected, let found)? = error else {
        Issue.record("\(error as Any)")
        return
      }
      #expect(expected == Self.files[name]?.checksum && found != expected)
      #expect(!blobs(cache).contains { $0.hasPrefix(expected) })
      let reference = try #require(HubReference("org/tiny"))
      #expect(HubCache(path: cache + "/hub").snapshot(reference) == nil)
    }
  }

  @Test func `a connection that always breaks is given up after some attempts`() async throws {
    let hub = try FakeHub(Self.files, .init(breaksAfter: 0))
    try await withCache { cache in
      guard case .connection? = await failure(settings(hub, cache)) else {
        Issue.record("it did not fail")
        return
      }
    }
    var nowhere = HubSettings(environment: ["HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": "/nonexistent"])
    nowhere.attempts = 1
    guard case .connection? = await failure(nowhere) else {
      Issue.record("nobody answered")
      return
    }
  }

  @Test(.timeLimit(.minutes(1))) func `what is cancelled before it asked ends as well`() async throws {
    let hub = try FakeHub(Self.files)
    try await withCache { cache in
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await pull(settings(hub, cache))
      }
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }

  @Test func `a token is sent to the hub, and to nobody else`() async throws {
    let storage = try LocalServer { request in
      guard let file = Self.files[(request.path as NSString).lastPathComponent] else { return .init(status: 404) }
      return FakeHub.answer(file, request, .init())
    }
    let hub = try FakeHub(Self.files, .init(token: "hf_secret", storage: storage.address))
    try await withCache { cache in
      let result = try await pull(settings(hub, cache, ["HF_TOKEN": "hf_secret"]))
      #expect(result.files.count == 3)
      #expect(hub.server.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
      #expect(storage.requests.count == 2)
      #expect(storage.requests.allSatisfy { $0.headers["authorization"] == nil })

      // The file that a login leaves.
      try Data("hf_secret\n".utf8).write(to: URL(fileURLWithPath: cache + "/token"))
      #expect(try await pull(settings(hub, cache)).files == result.files)
    }
  }

  @Test func `what the hub refuses is said`() async throws {
    try await withCache { cache in
      let open = try FakeHub(Self.files)
      let closed = try FakeHub(Self.files, .init(token: "other"))
      let strange = try FakeHub(Self.files, .init(fileStatus: 418))
      let busy = try FakeHub(Self.files, .init(fileStatus: 503))
      let empty = try FakeHub(Self.files, .init(fileStatus: 416))
      guard case .notFound? = await failure(settings(open, cache), "org/other"),
        case .notFound? = await failure(settings(open, cache), "org/tiny@v2"),
        case .unauthorized(_, hasToken: false)? = await failure(settings(closed, cache)),
        case .unauthorized(_, hasToken: true)? = await failure(settings(closed, cache, ["HF_TOKEN": "x"])),
        case .status(418, _)? = await failure(settings(strange, cache)),
        case .connection? = await failure(settings(busy, cache)),
        case .connection? = await failure(settings(empty, cache))
      else {
        Issue.record("a refusal was read as something else")
        return
      }
    }
  }

  @Test(arguments: [
    "", "[]", "{", #"{"sha": "main", "siblings": []}"#, #"{"sha": "\#(FakeHub.commit)"}"#,
    #"{"sha": "\#(FakeHub.commit)", "siblings": [{"rfilename": "config.json"}]}"#,
    #"{"sha": "\#(FakeHub.commit)", "siblings": [{"rfilename": "a.json", "size": -1, "blobId": "\#(FakeHub.commit)"}]}"#,
    #"{"sha": "\#(FakeHub.commit)", "siblings": [{"rfilename": "a.json", "size": 1, "blobId": "../../../../etc"}]}"#,
  ])
  func `listings that make no sense are refused`(listing: String) async throws {
    let hub = try FakeHub(Self.files, .init(listing: listing))
    try await withCache { cache in
      guard case .answer? = await failure(settings(hub, cache)) else {
        Issue.record("it was read")
        return
      }
    }
  }

  @Test(arguments: ["../config.json", "/etc/config.json", "a/../../b.json", "a//b.json", #"a\\b.json"#])
  func `names that lead out of the model are refused`(name: String) async throws {
    let listing = """
      {"sha": "\(FakeHub.commit)", "siblings": [{"rfilename": "\(name)", "size": 1, "blobId": "\(FakeHub.commit)"}]}
      """
    let hub = try FakeHub(Self.files, .init(listing: listing))
    try await withCache { cache in
      guard case .unsafeName? = await failure(settings(hub, cache)) else {
        Issue.record("it was read")
        return
      }
      #expect(blobs(cache).isEmpty)
    }
  }

  @Test func `revisions and patterns choose, and a GGUF file is found`() async throws {
    var files = Self.files
    files["tiny-Q8_0.gguf"] = files.removeValue(forKey: "model-00001-of-00002.safetensors")
    files["tiny-Q4_0.gguf"] = files.removeValue(forKey: "model-00002-of-00002.safetensors")
    files["config.json"] = nil
    let hub = try FakeHub(files)
    try await withCache { cache in
      guard case .nothingToFetch? = await failure(settings(hub, cache)) else {
        Issue.record("there are no safetensors")
        return
      }
      for text in ["org/tiny@v1", "org/tiny@refs/pr/1", "org/tiny@\(FakeHub.commit)"] {
        let result = try await pull(settings(hub, cache), text, ["*Q8_0.gguf"])
        #expect(result.files == ["tiny-Q8_0.gguf"])
        let reference = try #require(HubReference(text))
        #expect(HubCache(path: cache + "/hub").model(reference) == result.path + "/tiny-Q8_0.gguf")
      }
    }
  }

  @Test func `offline, what is in the cache is used and nobody is asked`() async throws {
    let hub = try FakeHub(Self.files)
    try await withCache { cache in
      let offline = settings(hub, cache, ["HF_HUB_OFFLINE": "1"])
      guard case .notCached(_, _, isOffline: true)? = await failure(offline) else {
        Issue.record("it is not there yet")
        return
      }
      let result = try await pull(settings(hub, cache))
      let asked = hub.server.requests.count
      let again = try await pull(offline)
      #expect(again.path == result.path && again.files == result.files && hub.server.requests.count == asked)
      #expect(try await pull(offline, "org/tiny", ["config*"]).files == ["config.json"])
      guard case .filesNotCached? = await failure(offline, patterns: ["*Q8_0.gguf"]) else {
        Issue.record("these files are not there")
        return
      }
    }
  }

  @Test func `the cache is where huggingface's tools have it`() {
    func cache(_ environment: [String: String]) -> String { HubSettings(environment: environment).cache }
    #expect(cache([:]) == NSHomeDirectory() + "/.cache/huggingface/hub")
    #expect(cache(["XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
    #expect(cache(["XDG_CACHE_HOME": "/x", "HF_HOME": "/y"]) == "/y/hub")
    #expect(cache(["HF_HOME": "/y", "HF_HUB_CACHE": "/z"]) == "/z")
    #expect(HubSettings(environment: [:]).endpoint == "https://huggingface.co")
  }

  @Test(arguments: [
    "gpt2", "a/b/c", "/a", "a/", "../a", "a/..", "a b/c", "a/b@", "a/b@../x", "a/b@x//y", "a/b@.x", "a--b/c", "-a/b",
    "a/b.",
    "smol-nf4/@main", "",
  ])
  func `other texts are no models of a hub`(text: String) { #expect(HubReference(text) == nil) }
}
