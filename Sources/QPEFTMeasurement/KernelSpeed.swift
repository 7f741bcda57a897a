internal import Foundation

/// How fast a kernel was, beside OpenBLAS in the same run.
public struct KernelSpeed: Hashable, Codable, Sendable {
  /// Which kernel, by its name in reports.
  public let kernel: String
  /// Rows and columns of the matrix, or heads and head size.
  public let rows, columns, tokens: Int
  /// Billions of multiplications and additions a second.
  public let gflops: Double
  /// The same of sgemm with all cores; nil: not measured, `KernelWork.yardstickName` is nil.
  public let sgemmGflops: Double?
  /// `gflops / sgemmGflops`.
  public let ratio: Double?

  /// A speed and what it was measured on.
  public init(kernel: String, rows: Int, columns: Int, tokens: Int, gflops: Double, sgemmGflops: Double?) {
    self.kernel = kernel
    self.rows = rows
    self.columns = columns
    self.tokens = tokens
    self.gflops = gflops
    self.sgemmGflops = sgemmGflops
    ratio = sgemmGflops.map { gflops / $0 }
  }

  enum CodingKeys: String, CodingKey {
    case kernel, rows, columns, tokens, gflops, ratio
    case sgemmGflops = "sgemm_gflops"
  }
}

extension KernelWork {
  /// Takes kernel and sgemm in turns, `rounds` times, each for at least `seconds`; the best call of each counts, since what else
  /// the machine does can only slow it down.
  ///
  /// Both have threads that wait for work awake for a while; between the turns everybody falls asleep.
  public func measure(rounds: Int = 2, seconds: Double = 0.04) -> KernelSpeed {
    let hasYardstick = Self.yardstickName != nil
    var best = (kernel: Double.infinity, sgemm: Double.infinity)
    for _ in 0..<max(1, rounds) {
      best.kernel = min(best.kernel, Stopwatch.best(seconds: seconds, run))
      Thread.sleep(forTimeInterval: Self.kernelThreadsAwake)
      guard hasYardstick else { continue }
      best.sgemm = min(best.sgemm, Stopwatch.best(seconds: seconds, runYardstick))
      Thread.sleep(forTimeInterval: Self.openBLASThreadsAwake)
    }
    let gflops = kernelCase.operations / best.kernel / 1e9
    let sgemm = hasYardstick ? yardstickOperations / best.sgemm / 1e9 : nil
    return KernelSpeed(
      kernel: kernelCase.kernel.rawValue, rows: kernelCase.rows, columns: kernelCase.columns,
      tokens: kernelCase.tokens, gflops: gflops, sgemmGflops: sgemm)
  }

  /// GFLOP/s of the kernel alone.
  public func gflops(seconds: Double = 0.2) -> Double {
    kernelCase.operations / Stopwatch.best(seconds: seconds, run) / 1e9
  }

  /// Seconds after which our threads and those of OpenBLAS sleep.
  private static let kernelThreadsAwake = 0.001
  private static let openBLASThreadsAwake = 0.12

  /// The cases one after the other, each matrix made once; `report` hears of each as it is done.
  public static func measure(_ cases: [KernelCase], report: (KernelSpeed) -> Void = { _ in }) -> [KernelSpeed] {
    var weights: (kernel: MeasuredKernel, rows: Int, columns: Int, value: MeasuredWeights)?
    return cases.map { one in
      let storage = one.kernel == .bf16Forward ? one.kernel : .nf4Forward
      if !one.kernel.isProduct {
        weights = nil
      } else if weights.map({ ($0.kernel, $0.rows, $0.columns) == (storage, one.rows, one.columns) }) != true {
        weights = nil
        weights = (storage, one.rows, one.columns, MeasuredWeights(storage, rows: one.rows, columns: one.columns))
      }
      let speed = KernelWork(one, weights: weights?.value).measure()
      report(speed)
      return speed
    }
  }
}
