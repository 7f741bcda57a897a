import QPEFTText
import Testing

@Suite("Batch order") struct BatchSamplerTests {
  static let arrangements: [BatchSampler.Arrangement] = [.rows, .byLength, .packed(tokens: 64)]

  /// Rows of lengths between 1 and 64.
  static func sampler(
    _ count: Int, batchSize: Int, batchesPerStep: Int = 1, seed: UInt64 = 0, shuffles: Bool = true,
    _ arrangement: BatchSampler.Arrangement = .rows
  ) -> BatchSampler {
    BatchSampler(
      parts: [RowPart(count: count)], batchSize: batchSize, batchesPerStep: batchesPerStep, seed: seed,
      shuffles: shuffles, arrangement: arrangement
    ) { length(of: $0) }
  }

  static func length(of row: Int) -> Int { 1 + row * 37 % 64 }

  @Test("every epoch holds every row once, with a smaller last step", arguments: [1, 7, 64, 1000], arrangements)
  func covers(count: Int, arrangement: BatchSampler.Arrangement) {
    for (size, batches) in [(1, 1), (3, 2), (64, 1)] {
      var sampler = Self.sampler(count, batchSize: size, batchesPerStep: batches, seed: 3, arrangement)
      for epoch in 0..<3 {
        let steps = sampler.steps(ofEpochs: epoch)..<sampler.steps(ofEpochs: epoch + 1)
        let all = steps.map { sampler.batches(ofStep: $0) }
        #expect(all.joined().joined().sorted() == Array(0..<count))
        #expect(all.dropLast().allSatisfy { $0.count == batches })
        #expect(steps.allSatisfy { sampler.epoch(ofStep: $0) == epoch })
      }
    }
  }

  @Test(
    "the steps of very many epochs are counted at once", arguments: [.rows, .byLength] as [BatchSampler.Arrangement])
  func manyEpochs(arrangement: BatchSampler.Arrangement) {
    var sampler = Self.sampler(10, batchSize: 3, arrangement)
    #expect(sampler.steps(ofEpochs: 2_000_000_000) == 8_000_000_000)
    #expect(sampler.epoch(ofStep: 7_999_999_999) == 1_999_999_999)
    #expect(sampler.batches(ofStep: 7_999_999_999)[0].count == 1)
  }

  @Test("a packed batch holds no more tokens than its packed rows may")
  func packedSizes() {
    var sampler = Self.sampler(1000, batchSize: 2, .packed(tokens: 64))
    for step in 0..<sampler.steps(ofEpochs: 2) {
      let tokens = sampler.batches(ofStep: step)[0].reduce(0) { $0 + Self.length(of: $1) }
      #expect(tokens <= 128)
    }
    #expect(sampler.steps(ofEpochs: 1) < 320)
  }

  @Test(
    "a batch can be computed in pieces that together are the batch, and no packed row is torn", arguments: arrangements)
  func pieces(arrangement: BatchSampler.Arrangement) {
    var sampler = Self.sampler(100, batchSize: 4, batchesPerStep: 2, arrangement)
    for step in 0..<sampler.steps(ofEpochs: 1) {
      let whole = sampler.batches(ofStep: step)
      for atOnce in [1, 3, 4] {
        let pieces = sampler.batches(ofStep: step, atOnce: atOnce)
        #expect(Array(pieces.joined()) == Array(whole.joined()))
        #expect(pieces.allSatisfy { $0.reduce(0) { $0 + Self.length(of: $1) } <= 64 * atOnce })
      }
    }
  }

  @Test("rows of a batch by length differ little in length")
  func groups() {
    func spread(_ arrangement: BatchSampler.Arrangement) -> Int {
      var sampler = Self.sampler(1024, batchSize: 8, arrangement)
      return (0..<sampler.steps(ofEpochs: 1)).reduce(0) { sum, step in
        let lengths = sampler.batches(ofStep: step)[0].map(Self.length)
        return sum + (lengths.max() ?? 0) - (lengths.min() ?? 0)
      }
    }
    #expect(spread(.byLength) * 10 < spread(.rows))
  }

  @Test("a weight decides how often rows are seen: over the epochs all rows of a file equally often")
  func weights() {
    var sampler = BatchSampler(
      parts: [RowPart(count: 100), RowPart(count: 50, weight: 0.3), RowPart(count: 10, weight: 2.5)], batchSize: 4,
      seed: 5
    ) { _ in 1 }
    var seen = Array(repeating: 0, count: 160)
    for epoch in 0..<20 {
      let steps = sampler.steps(ofEpochs: epoch)..<sampler.steps(ofEpochs: epoch + 1)
      let rows = steps.flatMap { sampler.batches(ofStep: $0).joined() }
      #expect(rows.count == 100 + 15 + 25)
      #expect(rows.count { 100..<150 ~= $0 } == 15)
      for row in rows { seen[row] += 1 }
    }
    #expect(seen[..<100].allSatisfy { $0 == 20 })
    #expect(seen[100..<150].allSatisfy { $0 == 6 })
    #expect(seen[150...].allSatisfy { $0 == 50 })
  }

  @Test("a share for evaluation is chosen by a seed, and the rest is left for training")
  func splits() {
    let (chosen, rest) = BatchSampler.split(1000, share: 0.05, seed: 1)
    #expect(chosen.count == 50 && (chosen + rest).sorted() == Array(0..<1000))
    #expect(chosen == BatchSampler.split(1000, share: 0.05, seed: 1).chosen)
    #expect(chosen != BatchSampler.split(1000, share: 0.05, seed: 2).chosen)
    #expect(BatchSampler.split(2, share: 0.01, seed: 0).chosen.count == 1)
    #expect(BatchSampler.split(1, share: 0.9, seed: 0).rest == [0])
  }

  @Test("a step depends on its number alone, so a run can resume anywhere", arguments: arrangements)
  func resumes(arrangement: BatchSampler.Arrangement) {
    var straight = Self.sampler(50, batchSize: 2, batchesPerStep: 2, seed: 9, arrangement)
    let all = (0..<40).map { straight.batches(ofStep: $0) }
    for number in [39, 0, 17, 13, 12] {
      var fresh = Self.sampler(50, batchSize: 2, batchesPerStep: 2, seed: 9, arrangement)
      #expect(fresh.batches(ofStep: number) == all[number])
    }
  }

  @Test("epochs and seeds differ, and without shuffling rows come in order")
  func orders() {
    var one = Self.sampler(100, batchSize: 100, seed: 1)
    var two = Self.sampler(100, batchSize: 100, seed: 2)
    var plain = Self.sampler(5, batchSize: 2, shuffles: false)
    #expect(one.batches(ofStep: 0) != one.batches(ofStep: 1))
    #expect(one.batches(ofStep: 0) != two.batches(ofStep: 0))
    #expect((0..<6).flatMap { plain.batches(ofStep: $0) } == [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]])
  }

  @Test("the order of a seed is written down: a change of it would change every run")
  func pinned() {
    var sampler = Self.sampler(8, batchSize: 8, seed: 42)
    #expect(sampler.batches(ofStep: 0) == [[1, 3, 4, 5, 0, 7, 6, 2]])
  }
}
