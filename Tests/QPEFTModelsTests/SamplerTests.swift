import Foundation
import QPEFTModels
import Testing

@Suite struct SamplerTests {
  /// Logits of 300 tokens, some of them equal.
  static let logits = (0..<300).map { Float(($0 * 7919) % 61) / 8 - 4 }

  @Test func `temperature 0 takes the first of the likeliest tokens`() {
    let best = Self.logits.max()
    #expect(
      tokens(GenerationOptions(), draws: 3)
        == [Int32](repeating: Int32(Self.logits.firstIndex { $0 == best } ?? -1), count: 3))
  }

  @Test(
    "tokens come as often as their probability after temperature, top-k and top-p",
    arguments: [
      (0.7, 0, 1), (1, 0, 1), (1.5, 7, 1), (1, 300, 0.5), (1, 10_000, 1), (0.9, 0, 0.9), (1.3, 40, 0.6), (1, 1, 1),
      (1, 0, 0.01),
    ]
      as [(Float, Int, Float)])
  func frequencies(temperature: Float, topK: Int, topP: Float) {
    var options = GenerationOptions()
    (options.temperature, options.topK, options.topP) = (temperature, topK, topP)
    let draws = 20_000
    var counts = [Int](repeating: 0, count: Self.logits.count)
    for token in tokens(options, draws: draws) { counts[Int(token)] += 1 }
    for (token, probability) in probabilities(options).enumerated() {
      // Six standard deviations; a token without a probability never comes.
      let expected = Double(draws) * probability
      #expect(abs(Double(counts[token]) - expected) <= 6 * expected.squareRoot(), "token \(token)")
    }
  }

  @Test func `the same seed draws the same tokens, another seed others`() {
    var options = GenerationOptions()
    options.temperature = 1
    let first = tokens(options, draws: 50)
    #expect(tokens(options, draws: 50) == first)
    options.seed = 1
    #expect(tokens(options, draws: 50) != first)
  }

  @Test(arguments: [-Float.infinity, .infinity, .nan], [0, 2])
  func `logits that are no numbers still give a token`(value: Float, topK: Int) {
    var options = GenerationOptions()
    (options.temperature, options.topK, options.topP) = (1, topK, 0.9)
    let logits = [Float](repeating: value, count: 5)
    logits.withUnsafeBufferPointer {
      #expect((0..<5).contains(Sampler(options: options).token($0, index: 0)))
    }
  }

  private func tokens(_ options: GenerationOptions, draws: Int) -> [Int32] {
    let sampler = Sampler(options: options)
    return Self.logits.withUnsafeBufferPointer { logits in (0..<draws).map { sampler.token(logits, index: $0) } }
  }

  /// By the definition: everything sorted, first of equals first.
  private func probabilities(_ options: GenerationOptions) -> [Double] {
    let logits = Self.logits
    var order = logits.indices.sorted { (logits[$0], $1) > (logits[$1], $0) }
    if options.topK > 0 { order = Array(order.prefix(options.topK)) }
    var weights = order.map { exp(Double(logits[$0] / options.temperature)) }
    let total = weights.reduce(0, +)
    var (kept, sum) = (0, 0.0)
    while kept < order.count, options.topP == 1 || sum < Double(options.topP) * total {
      sum += weights[kept]
      kept += 1
    }
    weights = weights.prefix(kept).map { $0 / sum }
    var result = [Double](repeating: 0, count: logits.count)
    for (token, weight) in zip(order, weights) { result[token] = weight }
    return result
  }
}
