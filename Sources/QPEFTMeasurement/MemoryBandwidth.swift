internal import QPEFTKernels

/// How fast memory is with all threads, in billions of bytes a second.
public struct MemoryBandwidth: Hashable, Codable, Sendable {
  /// Two arrays read.
  public let read: Double
  /// One array read and written back.
  public let update: Double

  enum CodingKeys: String, CodingKey {
    case read = "read_gb_per_second"
    case update = "update_gb_per_second"
  }

  /// Measures with arrays of `megabytes`, which should be more than the caches hold.
  public static func measure(megabytes: Int = 192, seconds: Double = 0.25) -> MemoryBandwidth {
    let count = megabytes * 1_000_000 / MemoryLayout<Float>.stride / 2
    let (a, b) = (Numbers(count), Numbers(count, seed: 2))
    let bytes = Double(2 * count * MemoryLayout<Float>.stride)
    var sum = 0.0
    let read = Stopwatch.best(seconds: seconds) { sum += Kernels.dot(a.input, b.input) }
    precondition(sum.isFinite)
    let update = Stopwatch.best(seconds: seconds) { Kernels.scale(a.buffer, by: 1) }
    return MemoryBandwidth(read: bytes / read / 1e9, update: bytes / update / 1e9)
  }
}
