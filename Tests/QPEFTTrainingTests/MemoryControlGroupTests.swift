import Foundation
import Testing

import QPEFTTraining

@Suite("Memory of a control group") struct MemoryControlGroupTests {
  /// Makes files under a folder of its own, by path.
  private func folder(_ files: [String: String]) throws -> String {
    let folder = NSTemporaryDirectory() + "qpeft-\(UUID())"
    for (path, text) in files {
      let file = folder + "/" + path
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }
    return folder
  }

  @Test func `the tightest group counts, and idle pages of files are free`() throws {
    let root = try folder([
      "membership": "0::/outer/inner\n",
      "outer/memory.max": "1000\n", "outer/memory.current": "700\n",
      "outer/memory.stat": "anon 500\ninactive_file 150\n",
      "outer/inner/memory.max": "max\n", "outer/inner/memory.current": "600\n",
    ])
    defer { try? FileManager.default.removeItem(atPath: root) }
    #expect(MemoryControlGroup.available(membership: root + "/membership", root: root) == 450)
  }

  @Test func `version 1 counts too, and inside a container the group is the root`() throws {
    let root = try folder([
      "membership": "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n",
      "memory/memory.limit_in_bytes": "2000\n", "memory/memory.usage_in_bytes": "2500\n",
    ])
    defer { try? FileManager.default.removeItem(atPath: root) }
    #expect(MemoryControlGroup.available(membership: root + "/membership", root: root) == 0)
  }

  @Test func `without a limit there is nothing to say`() throws {
    let root = try folder([
      "membership": "4:memory:/\n0::/\n", "memory/memory.limit_in_bytes": "9223372036854771712\n",
      "memory/memory.usage_in_bytes": "5\n",
    ])
    defer { try? FileManager.default.removeItem(atPath: root) }
    #expect(MemoryControlGroup.available(membership: root + "/membership", root: root) == nil)
    #expect(MemoryControlGroup.available(membership: root + "/nothing", root: root) == nil)
  }
}
