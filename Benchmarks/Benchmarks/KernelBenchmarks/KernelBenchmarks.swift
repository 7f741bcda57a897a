// Kernels on shapes of real models, each in turns with OpenBLAS's sgemm of the same shape in the same run.
import Benchmark
import QPEFTMeasurement

let gflops = BenchmarkMetric.custom("GFLOP/s", polarity: .prefersLarger, useScalingFactor: false)
let sgemm = BenchmarkMetric.custom("sgemm GFLOP/s", polarity: .prefersLarger, useScalingFactor: false)
let ratio = BenchmarkMetric.custom("percent of sgemm", polarity: .prefersLarger, useScalingFactor: false)
let share = BenchmarkMetric.custom("percent of peak", polarity: .prefersLarger, useScalingFactor: false)

let benchmarks: @Sendable () -> Void = {
  let peak = TilePeak.gflops()
  for one in [KernelCase].standard {
    Benchmark(
      "\(one.kernel.rawValue) \(one.rows)x\(one.columns), \(one.tokens) tokens",
      configuration: .init(
        metrics: [gflops, sgemm, ratio, share], warmupIterations: 0, maxDuration: .seconds(5), maxIterations: 3)
    ) { benchmark in
      let work = KernelWork(one)
      for _ in benchmark.scaledIterations {
        let speed = work.measure()
        benchmark.measurement(gflops, Int(speed.gflops.rounded()))
        if let yardstick = speed.sgemmGflops {
          benchmark.measurement(sgemm, Int(yardstick.rounded()))
          benchmark.measurement(ratio, Int((100 * speed.gflops / yardstick).rounded()))
        }
        benchmark.measurement(share, Int((100 * speed.gflops / peak).rounded()))
      }
    }
  }
}
