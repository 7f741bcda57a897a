internal import Foundation
internal import QPEFTFormats
internal import QPEFTJSON
internal import Synchronization

/// A file of a model on the hub.
struct HubFile: Hashable, Sendable {
  /// Path inside of the repository.
  let name: String
  let byteCount: Int
  /// Large files are known by their SHA-256, small ones by git's SHA-1.
  let checksum: String
  let isLarge: Bool

  /// Whether a file of the cache has the bytes that it should have.
  func foundChecksum(of path: String) throws(FileError) -> String {
    isLarge
      ? try SHA256.checksum(ofFile: path)
      : try SHA1.checksum(ofFile: path, prefix: Array("blob \(byteCount)\0".utf8))
  }
}

/// What the hub says of a model: the commit, and its files.
struct HubListing: Sendable {
  let commit: String
  let files: [HubFile]

  /// Asks the hub: `/api/models/ORG/NAME/revision/REV?blobs=true`.
  init(_ reference: HubReference, _ settings: HubSettings) async throws {
    let revision = reference.revision.replacingOccurrences(of: "/", with: "%2F")
    let text = "\(settings.endpoint)/api/models/\(reference.repository)/revision/\(revision)?blobs=true"
    guard let url = URL(string: text) else {
      throw HubError.connection(url: text, reason: "it is not an address")
    }
    let answer = Mutex<[UInt8]>([])
    let head = try await HTTPTransfer(url: url, headers: settings.headers).run { _ in
    } body: { data in
      try answer.withLock {
        guard $0.count + data.count <= 1 << 26 else { throw HubError.answer(url: text, problem: "does not end") }
        $0 += data
      }
    }
    guard head.status == 200 else { throw settings.error(head.status, what: "model \(reference)", url: text) }
    try self.init(parsing: answer.withLock { $0 }, reference, url: text)
  }

  init(parsing bytes: [UInt8], _ reference: HubReference, url: String) throws(HubError) {
    func fail(_ problem: String) -> HubError { .answer(url: url, problem: problem) }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch { throw fail("is not JSON: \(error)") }
    guard let commit = json["sha"]?.string, HubReference.isCommit(commit), let siblings = json["siblings"]?.array else {
      throw fail("names no commit or no files")
    }
    // So that sizes can be added up; an answer of 64 MiB has fewer than 2^20 files.
    let mostBytes = 1 << 42
    var files: [HubFile] = [], names: Set<String> = []
    for sibling in siblings {
      guard let name = sibling["rfilename"]?.string else { throw fail("has a file without a name") }
      guard RelativePath.staysInside(name) else { throw .unsafeName(file: name, repository: reference.repository) }
      let lfs = sibling["lfs"]
      let size = lfs?["size"]?.integer ?? sibling["size"]?.integer
      guard names.insert(name).inserted else { throw fail("names \(name) twice") }
      guard let size, (0...mostBytes).contains(size),
        let checksum = lfs?["sha256"]?.string ?? sibling["blobId"]?.string,
        Self.isChecksum(checksum, isLarge: lfs?["sha256"] != nil)
      else { throw fail("gives \(name) no size or no checksum") }
      files.append(HubFile(name: name, byteCount: size, checksum: checksum, isLarge: lfs?["sha256"] != nil))
    }
    self.commit = commit
    self.files = files
  }

  private static func isChecksum(_ text: String, isLarge: Bool) -> Bool {
    text.utf8.count == (isLarge ? 64 : 40) && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}

extension HubSettings {
  /// What a request carries.
  var headers: [String: String] { token.map { ["Authorization": "Bearer \($0)"] } ?? [:] }

  /// The failure that a status tells.
  func error(_ status: Int, what: String, url: String) -> HubError {
    switch status {
    case 401, 403: .unauthorized(what: what, hasToken: token != nil)
    case 404: .notFound(what: what, endpoint: endpoint)
    default: .status(status, url: url)
    }
  }
}
