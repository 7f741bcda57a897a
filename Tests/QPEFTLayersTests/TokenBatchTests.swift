import QPEFTKernels
import QPEFTLayers
import Testing

@Suite("A batch of tokens")
struct TokenBatchTests {
  @Test func `puts documents side by side, each with positions of its own`() {
    var batch = TokenBatch()
    batch.append(ids: [5, 6, 7], isTrained: [false, true, true])
    batch.append(ids: [8, 9], isTrained: [true, true])
    #expect(batch.ids == [5, 6, 7, 8, 9])
    #expect(batch.positions == [0, 1, 2, 0, 1])
    #expect(batch.segments == [.init(rows: 0..<3), .init(rows: 3..<5)])
  }

  @Test func `labels a row with the next token of its own document, where that one is trained`() {
    var batch = TokenBatch()
    batch.append(ids: [5, 6, 7], isTrained: [true, false, true])
    batch.append(ids: [8, 9], isTrained: [true, true])
    #expect(batch.labels == [-100, 7, -100, 9, -100])
    #expect(batch.trainedCount == 2)
  }

  @Test func `continues after a cache`() {
    let batch = TokenBatch(ids: [1, 2], firstPosition: 10)
    #expect(batch.positions == [10, 11])
    #expect(batch.segments == [.init(queryStart: 0, queryCount: 2, keyStart: 0, keyCount: 12)])
  }
}
