// Training steps of real shapes: LoRA of rank 16 on all linear layers, 1 x 512 tokens, with and without recomputation; and writing text,
// with and without such an adapter.
//
//   QPEFT_BENCH_MODELS=DIR[:DIR...] swift package --package-path Benchmarks benchmark --target StepBenchmarks
//
// Each DIR is a model directory written by `qpeft quantize`, SmolLM2-135M for example, or one with random weights.
import Benchmark
import Foundation
import QPEFT

let tokens = 512
let speed = BenchmarkMetric.custom("tokens/s", polarity: .prefersLarger, useScalingFactor: false)
let first = BenchmarkMetric.custom(
  "ms from opening to the first step", polarity: .prefersSmaller, useScalingFactor: false)
let resident = BenchmarkMetric.custom("peak resident MB, process", polarity: .prefersSmaller, useScalingFactor: false)
let rooms = Room.allCases.map {
  ($0, BenchmarkMetric.custom("peak MB, \($0.name)", polarity: .prefersSmaller, useScalingFactor: false))
}

let benchmarks: @Sendable () -> Void = {
  let environment = ProcessInfo.processInfo.environment["QPEFT_BENCH_MODELS"] ?? ""
  for directory in environment.split(separator: ":").map(String.init) {
    for checkpointing in [RecomputePolicy.blockInput, .keepAll] {
      Benchmark(
        "\(URL(fileURLWithPath: directory).lastPathComponent), checkpointing \(checkpointing.rawValue)",
        configuration: .init(
          metrics: [speed, first, resident] + rooms.map(\.1), warmupIterations: 0, maxDuration: .seconds(60),
          maxIterations: 5)
      ) { benchmark in
        let start = ContinuousClock.now
        let trainer = try Steps.trainer(directory, checkpointing: checkpointing)
        try trainer.step()
        let opening = (ContinuousClock.now - start) / .milliseconds(1)
        for _ in benchmark.scaledIterations {
          let step = try trainer.step()
          benchmark.measurement(speed, Int(step.tokensPerSecond.rounded()))
          benchmark.measurement(first, Int(opening.rounded()))
          benchmark.measurement(resident, step.peakBytes / 1_000_000)
          for (room, metric) in rooms { benchmark.measurement(metric, trainer.ledger[room].peak / 1_000_000) }
        }
      }
    }
    for isAdapted in [false, true] {
      Benchmark(
        "\(URL(fileURLWithPath: directory).lastPathComponent), writing, \(isAdapted ? "adapter" : "no adapter")",
        configuration: .init(metrics: [speed], warmupIterations: 1, maxDuration: .seconds(60), maxIterations: 5)
      ) { benchmark in
        let base = try BaseModel(directory)
        let model = isAdapted ? try base.attach(LoRAConfiguration()) : try base.withoutAdapter()
        for _ in benchmark.scaledIterations {
          benchmark.measurement(speed, Int(Steps.tokensWritten(by: model).rounded()))
        }
      }
    }
  }
}

enum Steps {
  /// Tokens a second after a short prompt, without reading it.
  static func tokensWritten(by tuned: AdaptedModel) -> Double {
    var options = GenerationOptions()
    options.maximumTokens = tokens + 1
    var generator = TokenGenerator(tuned.model, prompt: [3, 5, 7], options: options)
    _ = generator.next()
    let start = ContinuousClock.now
    var count = 0.0
    while generator.next() != nil { count += 1 }
    return count / ((ContinuousClock.now - start) / .seconds(1))
  }

  static func trainer(_ directory: String, checkpointing: RecomputePolicy) throws -> Trainer {
    let model = try BaseModel(directory).attach(LoRAConfiguration())
    var options = TrainingOptions()
    options.steps = 1000
    options.checkpointing = checkpointing
    let ids = (0..<tokens).map { Int32($0 * 7 % 997 + 3) }
    return try model.trainer(
      on: [TrainingRow(ids: ids, isTrained: ids.map { _ in true })], options: options)
  }
}
