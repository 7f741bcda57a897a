internal import Foundation
internal import QPEFTFormats

/// The cache that huggingface's tools share: `models--ORG--NAME/{blobs,refs,snapshots}`.
///
/// A blob is a file by its checksum; a snapshot is a commit's directory of links to blobs; a ref is a file with the commit of a
/// branch or tag.
public struct HubCache: Sendable {
  /// The directory of `models--ORG--NAME`.
  public let path: String

  /// The cache at `path`.
  public init(path: String) { self.path = path }

  /// The directory of a model.
  func directory(_ reference: HubReference) -> String { "\(path)/models--\(reference.owner)--\(reference.name)" }

  func blob(_ checksum: String, of reference: HubReference) -> String {
    "\(directory(reference))/blobs/\(checksum)"
  }

  func snapshot(commit: String, of reference: HubReference) -> String {
    "\(directory(reference))/snapshots/\(commit)"
  }

  /// The commit that the cache knows under the reference's revision.
  func commit(_ reference: HubReference) -> String? {
    if reference.isCommit { return reference.revision }
    let file = "\(directory(reference))/refs/\(reference.revision)"
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return HubReference.isCommit(commit) ? commit : nil
  }

  /// The snapshot of a model, if it is there.
  public func snapshot(_ reference: HubReference) -> String? {
    guard let commit = commit(reference) else { return nil }
    let path = snapshot(commit: commit, of: reference)
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  /// What to open of a model that is there: its directory, or its only GGUF file (of one in parts, the first).
  public func model(_ reference: HubReference) -> String? {
    guard let snapshot = snapshot(reference) else { return nil }
    if FileManager.default.fileExists(atPath: snapshot + "/config.json") { return snapshot }
    let files = (try? FileManager.default.subpathsOfDirectory(atPath: snapshot)) ?? []
    let models = files.filter { name in
      name.hasSuffix(".gguf") && (name.contains("-00001-of-") || !name.contains(/-[0-9]{5}-of-[0-9]{5}\.gguf$/))
    }
    return models.count == 1 ? "\(snapshot)/\(models[0])" : snapshot
  }

  /// Writes which commit a revision is.
  func setCommit(_ commit: String, of reference: HubReference) throws {
    guard !reference.isCommit else { return }
    let file = "\(directory(reference))/refs/\(reference.revision)"
    try make((file as NSString).deletingLastPathComponent)
    try OutputFile.write(Array(commit.utf8), to: file)
  }

  /// Puts a file of a snapshot in its place: a link to its blob.
  func link(_ name: String, to checksum: String, commit: String, of reference: HubReference) throws {
    let place = "\(snapshot(commit: commit, of: reference))/\(name)"
    try make((place as NSString).deletingLastPathComponent)
    let depth = name.split(separator: "/").count + 1
    let target = String(repeating: "../", count: depth) + "blobs/\(checksum)"
    if (try? FileManager.default.destinationOfSymbolicLink(atPath: place)) == target { return }
    let temporary = place + ".partial-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    guard symlink(target, temporary) == 0, rename(temporary, place) == 0 else {
      unlink(temporary)
      throw FileError.last("create", place)
    }
  }

  func make(_ directory: String) throws {
    try OutputDirectory.make(directory, for: directory)
  }
}
