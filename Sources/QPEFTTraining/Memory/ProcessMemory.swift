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

  /// Resident bytes now; nil where the system does not say.
  package static var current: Int? { field("VmRSS:", of: "/proc/self/status") }

  /// Resident bytes now, without the pages of mapped weights; nil where the system does not say.
  package static var baseline: Int? {
    guard let file = fopen("/proc/self/smaps", "r") else { return nil }
    defer { fclose(file) }
    var total = 0
    var isWeights = false
    var buffer = [CChar](repeating: 0, count: 4096)
    while fgets(&buffer, Int32(buffer.count), file) != nil {
      let line = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if line.hasPrefix("Rss:") {
        if !isWeights { total += 1024 * (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) }
      } else if line.first?.isHexDigit == true, line.first?.isUppercase != true {
        isWeights = line.hasSuffix(".safetensors\n") || line.hasSuffix(".gguf\n")
      }
    }
    return total
  }

  /// Bytes that this process can still get without swapping: what the machine has, and no more than its control group leaves;
  /// nil where the system does not say.
  public static var available: Int? {
    guard let machine = field("MemAvailable:", of: "/proc/meminfo") else { return nil }
    return MemoryControlGroup.available().map { min($0, machine) } ?? machine
  }

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
      return text.dropFirst(name.count).split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }.map {
        $0 * 1024
      }
    }
    return nil
  }
}
