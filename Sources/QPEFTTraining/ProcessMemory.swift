internal import Foundation

/// Memory of this process and of the machine, as the system counts it.
public enum ProcessMemory {
  /// Most resident bytes so far (Linux: `VmHWM`).
  public static var peak: Int {
    if let value = field("VmHWM:", of: "/proc/self/status") { return value }
    var usage = rusage()
    #if canImport(Darwin)
      return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : 0
    #else
      return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 ? Int(usage.ru_maxrss) * 1024 : 0
    #endif
  }

  /// Bytes that programs can still get without swapping; nil where the system does not say.
  public static var available: Int? { field("MemAvailable:", of: "/proc/meminfo") }

  /// Bytes of memory of the machine.
  public static var installed: Int { Int(clamping: ProcessInfo.processInfo.physicalMemory) }

  /// A line `NAME: N kB` of a file under `/proc`, in bytes.
  private static func field(_ name: String, of path: String) -> Int? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      guard text.hasPrefix(name) else { continue }
      return text.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }
}
