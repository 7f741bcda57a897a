internal import Foundation

/// The control group that limits the memory of a container or a service (Linux, versions 1 and 2).
package enum MemoryControlGroup {
  /// Bytes that the group of this process, and every group above it, may still get; nil where nothing limits them.
  ///
  /// Pages of files count as free where they have not been used lately: the system takes them back first.
  package static func available(membership: String = "/proc/self/cgroup", root: String = "/sys/fs/cgroup") -> Int? {
    guard let groups = text(membership) else { return nil }
    var rooms: [Int] = []
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      if fields[1].isEmpty {
        rooms += self.rooms(of: String(fields[2]), root, ("memory.max", "memory.current", "inactive_file"))
      } else if fields[1].split(separator: ",").contains("memory") {
        rooms += self.rooms(
          of: String(fields[2]), root + "/memory",
          ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))
      }
    }
    return rooms.min()
  }

  private typealias Names = (limit: String, used: String, idle: String)

  private static func rooms(of group: String, _ root: String, _ names: Names) -> [Int] {
    folders(group, root).compactMap { room($0 + "/", names) }
  }

  /// The folder of a group and of those above it. Inside a container the path may be one of outside: then only the last exists.
  private static func folders(_ group: String, _ root: String) -> [String] {
    var path = group
    var folders: [String] = []
    while path.count > 1 {
      folders.append(root + path)
      path = (path as NSString).deletingLastPathComponent
    }
    return folders + [root]
  }

  private static func room(_ folder: String, _ names: Names) -> Int? {
    // No number, or one beyond every machine: no limit.
    guard let limit = number(folder + names.limit), limit < 1 << 60, let used = number(folder + names.used) else {
      return nil
    }
    let lines = (text(folder + "memory.stat") ?? "").split(separator: "\n")
    let idle = lines.first { $0.hasPrefix(names.idle + " ") }.flatMap { Int($0.dropFirst(names.idle.count + 1)) } ?? 0
    return max(0, limit - max(0, used - idle))
  }

  private static func number(_ path: String) -> Int? {
    text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private static func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }
}
