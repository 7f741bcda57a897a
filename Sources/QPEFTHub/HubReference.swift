/// A model on a hub: `ORG/NAME`, or `ORG/NAME@REVISION` for a branch, a tag or a commit.
public struct HubReference: Hashable, Sendable, CustomStringConvertible {
  /// Owner and name of the repository.
  public let owner, name: String
  /// Branch, tag or commit; `main` where none is given.
  public let revision: String

  /// The reference that a text is, or nil for a text of another form.
  public init?(_ text: String) {
    let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy(Self.isName) else { return nil }
    let revision = halves.count == 2 ? String(halves[1]) : "main"
    guard Self.isRevision(revision) else { return nil }
    owner = String(parts[0])
    name = String(parts[1])
    self.revision = revision
  }

  /// As it is written; `@main` is left out.
  public var description: String { repository + (revision == "main" ? "" : "@\(revision)") }

  /// `ORG/NAME`.
  public var repository: String { "\(owner)/\(name)" }

  /// Whether the revision is a commit's full hash.
  var isCommit: Bool { Self.isCommit(revision) }

  static func isCommit(_ text: String) -> Bool {
    text.utf8.count == 40 && text.utf8.allSatisfy { isDigit($0) || (97...102).contains($0) }
  }

  /// The hub's rule for names: letters, digits, `-`, `_` and `.`, at most 96, no `--` and no `..`, none of `-.` at the ends.
  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.count <= 96 && text.utf8.allSatisfy { isWord($0) || [45, 46].contains($0) }
      && !text.contains("--") && !text.contains("..") && !"-.".contains(text.first ?? "-")
      && !"-.".contains(text.last ?? "-")
  }

  /// Git's names of branches, as far as a path may hold them.
  private static func isRevision(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 255 && text.utf8.allSatisfy { isWord($0) || [45, 46, 47].contains($0) }
      && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") }
      && !text.contains("..")
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
  private static func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
  }
}
