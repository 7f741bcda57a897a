internal import Foundation
internal import QPEFTFormats

/// Brings one file into the cache, going on where an earlier attempt stopped.
struct HubDownload: Sendable {
  let file: HubFile
  let commit: String
  let reference: HubReference
  let settings: HubSettings
  let cache: HubCache

  /// Fetches the file unless it is there; `progress` hears how many of its bytes are.
  func run(progress: @escaping @Sendable (Int) -> Void) async throws {
    let blob = cache.blob(file.checksum, of: reference)
    if FileManager.default.fileExists(atPath: blob) { return progress(file.byteCount) }
    try cache.make((blob as NSString).deletingLastPathComponent)
    let part = try PartialFile(path: blob + ".incomplete", name: file.name)
    var failures = 0
    var furthest = part.count
    while part.count != file.byteCount {
      if part.count > file.byteCount { try part.reset() }
      do { try await fetch(into: part, progress) } catch let error as HubError {
        guard case .connection = error else { throw error }
        // A server that lets us begin again and again makes no progress.
        failures = part.count > furthest ? 0 : failures + 1
        furthest = max(furthest, part.count)
        guard failures < settings.attempts else { throw error }
        try await Task.sleep(for: .milliseconds(100 << min(failures, 6)))
      }
    }
    try part.sync()
    let found = try file.foundChecksum(of: part.path)
    if found != file.checksum {
      // What an earlier run left may be at fault: once from the beginning.
      let startsAnew = part.hasOldBytes
      try part.remove()
      guard startsAnew else {
        throw HubError.checksum(file: file.name, expected: file.checksum, found: found)
      }
      return try await run(progress: progress)
    }
    try part.finish(as: blob)
  }

  private func fetch(into part: PartialFile, _ progress: @escaping @Sendable (Int) -> Void) async throws {
    let name = file.name.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? file.name
    let text = "\(settings.endpoint)/\(reference.repository)/resolve/\(commit)/\(name)"
    guard let url = URL(string: text) else { throw HubError.connection(url: text, reason: "it is not an address") }
    var headers = settings.headers
    if part.count > 0 { headers["Range"] = "bytes=\(part.count)-" }
    let limit = file.byteCount
    let head = try await HTTPTransfer(url: url, headers: headers).run { head in
      // A server that does not know ranges sends all of it again; another range than asked for is of no use.
      if head.status == 200 { try part.reset() }
      if head.status == 206, head.headers["content-range"]?.hasPrefix("bytes \(part.count)-") != true {
        throw HubError.answer(url: text, problem: "is another range than was asked for")
      }
    } body: { data in
      guard part.count + data.count <= limit else {
        throw HubError.answer(url: text, problem: "has more than \(limit) bytes")
      }
      try part.append(data)
      progress(part.count)
    }
    switch head.status {
    case 200, 206:
      guard part.count == limit else {
        throw HubError.connection(url: text, reason: "the connection was closed after \(part.count) of \(limit) bytes")
      }
    case 416:
      try part.reset()
      throw HubError.connection(url: text, reason: "the server does not have the bytes that were asked for")
    case 500...599, 429: throw HubError.connection(url: text, reason: "the server answers with status \(head.status)")
    default: throw settings.error(head.status, what: "file \(file.name) of \(reference)", url: text)
    }
  }
}
