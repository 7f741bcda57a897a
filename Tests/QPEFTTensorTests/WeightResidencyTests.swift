import QPEFTTensor
import Synchronization
import Testing

@Suite("Weights of which a part is resident") struct WeightResidencyTests {
  /// Notes what is asked of matrices.
  final class Journal: Sendable {
    private let lines = Mutex<[String]>([])
    func note(_ line: String) { lines.withLock { $0.append(line) } }
    func take() -> [String] {
      lines.withLock { lines in
        defer { lines = [] }
        return lines
      }
    }
  }

  struct Matrix: FrozenMatrix {
    let name: String
    let journal: Journal
    let rows = 4, columns = 4, byteCount = 10
    let storageName = "none"
    func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {}
    func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {}
    func rows(_ ids: [Int32]) -> Tensor { .zeros([ids.count, columns]) }
    func workspaceByteCount(rows n: Int) -> Int { 0 }
    func release() { journal.note("-\(name)") }
    func prefetch() { journal.note("+\(name)") }
  }

  struct Source: WeightSource {
    let journal: Journal
    func contains(_ name: String) -> Bool { true }
    func frozenMatrix(named name: String) -> any FrozenMatrix { Matrix(name: name, journal: journal) }
    func vector(named name: String) -> Tensor { .zeros([4]) }
  }

  @Test
  func `parts are read ahead in the order of use, forward and backward, and the one used longest ago is released`()
    throws
  {
    let journal = Journal()
    let residency = WeightResidency(limit: 30)
    let source = StreamedWeights(Source(journal: journal), residency)
    let blocks = try (0..<5).map { try source.frozenMatrix(named: "layers.\($0).weight") }
    var y = Tensor.zeros([1, 4])
    func use(_ index: Int) -> [String] {
      blocks[index].multiply(y, into: &y, accumulate: false, plus: nil)
      return journal.take()
    }
    #expect(use(0) == [])
    #expect(use(0) == [])
    #expect(use(1) == ["+layers.2.weight"])
    #expect(use(2) == ["-layers.0.weight", "+layers.3.weight"])
    #expect(use(3) == ["-layers.1.weight", "+layers.4.weight"])
    #expect(use(4) == [])
    // Backward: the two before are still there.
    #expect(use(3) == [])
    #expect(use(2) == ["-layers.4.weight", "+layers.1.weight"])
    #expect(use(1) == ["-layers.3.weight", "+layers.0.weight"])
    #expect(use(0) == [])
    #expect(residency.minimum == 20)
  }
}
