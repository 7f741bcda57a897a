import Foundation
import QPEFTKernels
import Testing

/// Every test of a kernel lives under this suite: one at a time, since the number of threads is one for the process.
@Suite("Kernels", .serialized) enum KernelTests {}

/// Repeatable random numbers (SplitMix64).
struct Random {
  var state: UInt64
  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in -1 ... 1.
  mutating func float() -> Float { Float(Int32(truncatingIfNeeded: next() >> 40)) / 8_388_608 - 1 }

  mutating func floats(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in float() * scale } }
}

/// The kernels with arrays in and out.
func filled(_ count: Int, _ start: [Float]? = nil, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) -> [Float] {
  var result = start ?? [Float](repeating: .nan, count: count)
  result.withUnsafeMutableBufferPointer { body($0) }
  return result
}

/// Runs `body` with that set of kernels.
func with<Result>(_ set: String, _ body: () throws -> Result) throws -> Result {
  try #require(try KernelSet.with(set, body))
}

/// Runs `body` with 1, 2 and 3 threads: all results must be the same, bit for bit. Returns the first.
func sameForAllThreads(_ what: String, _ body: () -> [[Float]]) -> [[Float]] {
  let before = KernelSet.threadCount
  defer { KernelSet.threadCount = before }
  var first: [[Float]] = []
  for threads in 1...3 {
    KernelSet.threadCount = threads
    let result = body()
    if threads == 1 { first = result }
    #expect(zip(first, result).allSatisfy { bits($0) == bits($1) }, "\(what) differs with \(threads) threads")
  }
  return first
}

func bits(_ x: [Float]) -> [UInt32] { x.map(\.bitPattern) }

/// Largest error over its bound; above 1 the result is wrong.
func excess(_ found: [Float], _ expected: [Double], bound: (Int) -> Double) -> Double {
  var most = found.count == expected.count ? 0.0 : .infinity
  for i in 0..<min(found.count, expected.count) {
    let error = abs(Double(found[i]) - expected[i]) / max(bound(i), 1e-37)
    if !(error <= most) { most = error.isNaN ? .infinity : error }
  }
  return most
}

/// Unit roundoff of float32.
let eps = 0x1p-24

enum Fixture {
  static func data(_ name: String, in folder: String = "bitsandbytes") throws -> Data {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try Data(contentsOf: tests.appendingPathComponent("Fixtures/\(folder)/\(name)"))
  }

  static func bytes(_ name: String, in folder: String = "bitsandbytes") throws -> [UInt8] {
    [UInt8](try data(name, in: folder))
  }

  static func floats(_ name: String, in folder: String = "bitsandbytes") throws -> [Float] {
    try data(name, in: folder).withUnsafeBytes { raw in
      (0..<raw.count / 4).map { Float(bitPattern: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
    }
  }
}
