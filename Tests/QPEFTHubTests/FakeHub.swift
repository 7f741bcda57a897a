import Foundation
import QPEFTHub
import Synchronization

/// A hub of one model on a local server: it speaks the hub's API, and misbehaves where it is told to.
final class FakeHub: Sendable {
  struct File: Sendable {
    var bytes: [UInt8]
    /// What the listing says: SHA-256 for a large file, git's SHA-1 for a small one.
    var checksum: String
    var isLarge: Bool
  }

  struct Behaviour: Sendable {
    /// The token that is needed.
    var token: String?
    /// Breaks every connection for a large file after so many bytes.
    var breaksAfter: Int?
    /// Whether it knows ranges.
    var knowsRanges = true
    /// Leads large files to this address, as the hub leads to its storage.
    var storage: String?
    /// Another text for the listing.
    var listing: String?
    /// A status for every file.
    var fileStatus: Int?
    /// A delay before every file, in microseconds.
    var delay: UInt32 = 0
  }

  static let commit = "0123456789abcdef0123456789abcdef01234567"
  let server: LocalServer
  /// Most files that were asked for at one time.
  var mostAtOnce: Int { running.value.withLock { $0.most } }
  private let running: Running

  private final class Running: Sendable { let value = Mutex((now: 0, most: 0)) }

  init(_ files: [String: File], _ behaviour: Behaviour = Behaviour()) throws {
    let running = Running()
    self.running = running
    server = try LocalServer { request in
      if let token = behaviour.token, request.headers["authorization"] != "Bearer \(token)" {
        return .init(status: 401)
      }
      if request.path.hasPrefix("/api/models/org/tiny/revision/") {
        let revision = request.path.dropFirst(30).prefix { $0 != "?" }
        guard ["main", "v1", "refs%2Fpr%2F1", Self.commit[...]].contains(revision) else { return .init(status: 404) }
        return .init(body: Array((behaviour.listing ?? Self.listing(files)).utf8))
      }
      let prefix = "/org/tiny/resolve/\(Self.commit)/"
      guard request.path.hasPrefix(prefix), let file = files[String(request.path.dropFirst(prefix.count))] else {
        return .init(status: 404)
      }
      if let status = behaviour.fileStatus { return .init(status: status) }
      if let storage = behaviour.storage, file.isLarge {
        return .init(status: 302, headers: ["Location": storage + request.path])
      }
      running.value.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      defer { running.value.withLock { $0.now -= 1 } }
      if behaviour.delay > 0 { usleep(behaviour.delay) }
      return Self.answer(file, request, behaviour)
    }
  }

  /// The bytes that a request is for.
  static func answer(_ file: File, _ request: LocalServer.Request, _ behaviour: Behaviour) -> LocalServer.Answer {
    let breaks = file.isLarge ? behaviour.breaksAfter : nil
    guard behaviour.knowsRanges, let range = request.headers["range"], let start = Int(range.dropFirst(6).dropLast())
    else { return .init(body: file.bytes, breaksAfter: breaks) }
    guard start < file.bytes.count else { return .init(status: 416) }
    return .init(
      status: 206,
      headers: ["Content-Range": "bytes \(start)-\(file.bytes.count - 1)/\(file.bytes.count)"],
      body: Array(file.bytes[start...]), breaksAfter: breaks)
  }

  static func listing(_ files: [String: File]) -> String {
    let siblings = files.map { name, file in
      let lfs = file.isLarge ? #", "lfs": {"sha256": "\#(file.checksum)", "size": \#(file.bytes.count)}"# : ""
      let id = file.isLarge ? String(repeating: "0", count: 40) : file.checksum
      return #"{"rfilename": "\#(name)", "size": \#(file.bytes.count), "blobId": "\#(id)"\#(lfs)}"#
    }
    return #"{"id": "org/tiny", "sha": "\#(commit)", "siblings": [\#(siblings.joined(separator: ", "))]}"#
  }
}
