import QPEFTText
import Testing

@Suite("Batch order") struct BatchSamplerTests {
  @Test("every epoch holds every row once, with a smaller last batch", arguments: [1, 7, 64, 1000], [1, 3, 64])
  func covers(count: Int, size: Int) {
    var sampler = BatchSampler(count: count, batchSize: size, seed: 3)
    for epoch in 0..<3 {
      let first = epoch * sampler.batchesPerEpoch
      let rows = (first..<first + sampler.batchesPerEpoch).flatMap { sampler.batch($0) }
      #expect(rows.sorted() == Array(0..<count))
    }
  }

  @Test("a batch depends on its number alone, so a run can resume anywhere")
  func resumes() {
    var straight = BatchSampler(count: 50, batchSize: 4, seed: 9)
    let all = (0..<40).map { straight.batch($0) }
    for number in [39, 0, 17, 13, 12] {
      var fresh = BatchSampler(count: 50, batchSize: 4, seed: 9)
      #expect(fresh.batch(number) == all[number])
    }
  }

  @Test("epochs and seeds differ, and without shuffling rows come in order")
  func orders() {
    var one = BatchSampler(count: 100, batchSize: 100, seed: 1)
    var two = BatchSampler(count: 100, batchSize: 100, seed: 2)
    var plain = BatchSampler(count: 5, batchSize: 2, shuffles: false)
    #expect(one.batch(0) != one.batch(1))
    #expect(one.batch(0) != two.batch(0))
    #expect((0..<6).map { plain.batch($0) } == [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]])
  }

  @Test("the order of a seed is written down: a change of it would change every run")
  func pinned() {
    var sampler = BatchSampler(count: 8, batchSize: 8, seed: 42)
    #expect(sampler.batch(0) == [1, 3, 4, 5, 0, 7, 6, 2])
  }
}
