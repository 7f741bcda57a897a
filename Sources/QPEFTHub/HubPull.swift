internal import Foundation
internal import QPEFTFormats
internal import Synchronization

/// Fetches a model from the hub into the cache that huggingface's tools share.
///
///     let path = try await HubPull(reference).run().path
///
/// Files arrive several at a time, are checked against the hub's checksums, and go on where an interrupted fetch stopped. The
/// model has its name in the cache only when all of it is there.
public struct HubPull: Sendable {
  /// What is fetched.
  public var reference: HubReference
  /// Globs of the files to fetch; empty: configuration, tokenizer and safetensors weights.
  public var patterns: [String]
  /// Hub, token and cache.
  public var settings: HubSettings

  /// A request; nothing happens before `run`.
  public init(_ reference: HubReference, patterns: [String] = [], settings: HubSettings = .current) {
    self.reference = reference
    self.patterns = patterns
    self.settings = settings
  }

  /// How far a fetch is.
  public struct Progress: Hashable, Sendable {
    /// Bytes that are there, and of all files.
    public let bytes, totalBytes: Int
    /// Files that are whole, and all files.
    public let files, totalFiles: Int
  }

  /// What was fetched.
  public struct Result: Hashable, Sendable, Codable {
    /// The snapshot's directory.
    public let path: String
    /// The commit that it is of.
    public let commit: String
    /// Names of the files.
    public let files: [String]
    /// Bytes of all files.
    public let bytes: Int
  }

  /// Fetches. `progress` may be called from any thread.
  /// - Throws: `HubError`, `FileError`, `CancellationError` where the task is cancelled.
  public func run(progress: @escaping @Sendable (Progress) -> Void = { _ in }) async throws -> Result {
    let cache = HubCache(path: settings.cache)
    if settings.isOffline {
      guard let commit = cache.commit(reference), let path = cache.snapshot(reference) else {
        throw HubError.notCached(reference: "\(reference)", cache: settings.cache, isOffline: true)
      }
      let files = try FileManager.default.subpathsOfDirectory(atPath: path).filter {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: "\(path)/\($0)", isDirectory: &isDirectory)
          && !isDirectory.boolValue && (patterns.isEmpty || isNamed($0))
      }
      if files.isEmpty, !patterns.isEmpty {
        throw HubError.filesNotCached(reference: "\(reference)", patterns: patterns, path: path)
      }
      return Result(path: path, commit: commit, files: files.sorted(), bytes: 0)
    }
    let listing = try await HubListing(reference, settings)
    let files = try wanted(listing.files)
    let total = files.reduce(0) { $0 + $1.byteCount }
    try checkSpace(files, cache)

    let tally = Tally(files: files.count, bytes: total, report: progress)
    var waiting = files.sorted { $0.byteCount > $1.byteCount }[...]
    try await withThrowingTaskGroup(of: Void.self) { group in
      var running = 0
      while running > 0 || !waiting.isEmpty {
        if running < max(1, settings.parallelFiles), let file = waiting.popFirst() {
          let download = HubDownload(
            file: file, commit: listing.commit, reference: reference, settings: settings, cache: cache)
          group.addTask {
            try await download.run { tally.set(file.name, bytes: $0) }
            tally.finish()
          }
          running += 1
        } else {
          try await group.next()
          running -= 1
        }
      }
    }
    for file in files { try cache.link(file.name, to: file.checksum, commit: listing.commit, of: reference) }
    try cache.setCommit(listing.commit, of: reference)
    return Result(
      path: cache.snapshot(commit: listing.commit, of: reference), commit: listing.commit,
      files: files.map(\.name).sorted(), bytes: total)
  }

  /// The files to fetch. Of two with the same bytes both are linked to one blob.
  private func wanted(_ files: [HubFile]) throws(HubError) -> [HubFile] {
    let chosen = files.filter { file in
      guard patterns.isEmpty else { return isNamed(file.name) }
      guard !file.name.contains("/") else { return false }
      return [".safetensors", ".json", ".jinja", ".model"].contains { file.name.hasSuffix($0) }
        || file.name == "merges.txt" || file.name.hasPrefix("LICENSE")
    }
    let hasWeights = chosen.contains { $0.name.hasSuffix(".safetensors") }
    guard patterns.isEmpty ? hasWeights : !chosen.isEmpty else {
      throw .nothingToFetch(repository: reference.repository, patterns: patterns)
    }
    return chosen
  }

  private func isNamed(_ file: String) -> Bool { patterns.contains { fnmatch($0, file, 0) == 0 } }

  private func checkSpace(_ files: [HubFile], _ cache: HubCache) throws(FileError) {
    let needed = files.reduce(1 << 20) { sum, file in
      let blob = cache.blob(file.checksum, of: reference)
      return FileManager.default.fileExists(atPath: blob) ? sum : sum + file.byteCount
    }
    try OutputDirectory.checkSpace(at: settings.cache, needed: needed)
  }
}

/// Counts what is there while files arrive side by side.
private final class Tally: Sendable {
  private struct State {
    var bytes: [String: Int] = [:]
    var whole = 0
  }

  private let files, bytes: Int
  private let report: @Sendable (HubPull.Progress) -> Void
  private let state = Mutex(State())

  init(files: Int, bytes: Int, report: @escaping @Sendable (HubPull.Progress) -> Void) {
    self.files = files
    self.bytes = bytes
    self.report = report
  }

  func set(_ file: String, bytes: Int) { change { $0.bytes[file] = bytes } }
  func finish() { change { $0.whole += 1 } }

  /// Reports in the order of the changes.
  private func change(_ body: (inout State) -> Void) {
    state.withLock { state in
      body(&state)
      report(
        HubPull.Progress(
          bytes: state.bytes.values.reduce(0, +), totalBytes: bytes, files: state.whole, totalFiles: files))
    }
  }
}
