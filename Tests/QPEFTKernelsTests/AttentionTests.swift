import Foundation
import QPEFTKernels
import Testing

extension KernelTests {
  @Suite("Attention") struct AttentionTests {
    struct Case: CustomTestStringConvertible, Sendable {
      var heads, keyValueHeads, head: Int
      var segments: [AttentionSegment]
      var rows: Int { segments.map { $0.queryStart + $0.queryCount }.max() ?? 0 }
      var keyRows: Int { segments.map { $0.keyStart + $0.keyCount }.max() ?? 0 }
      var shape: AttentionShape {
        AttentionShape(heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1 / Float(head).squareRoot())
      }
      var testDescription: String {
        "\(heads)/\(keyValueHeads) heads of \(head), \(segments.map(\.queryCount)) queries"
      }
    }

    static let cases = [
      Case(heads: 9, keyValueHeads: 3, head: 64, segments: [.init(rows: 0..<70), .init(rows: 70..<100)]),
      Case(heads: 2, keyValueHeads: 2, head: 20, segments: [.init(rows: 0..<1), .init(rows: 1..<230)]),
      Case(
        heads: 8, keyValueHeads: 1, head: 16,
        segments: [.init(queryStart: 0, queryCount: 3, keyStart: 0, keyCount: 150)]),
      Case(
        heads: 4, keyValueHeads: 2, head: 130,
        segments: [
          .init(queryStart: 0, queryCount: 97, keyStart: 3, keyCount: 110),
          .init(queryStart: 97, queryCount: 1, keyStart: 113, keyCount: 9),
        ]),
      // Few enough rows that nothing is packed for them.
      Case(
        heads: 9, keyValueHeads: 3, head: 64,
        segments: [
          .init(queryStart: 0, queryCount: 1, keyStart: 0, keyCount: 250),
          .init(queryStart: 1, queryCount: 2, keyStart: 250, keyCount: 99),
        ]),
      Case(
        heads: 8, keyValueHeads: 1, head: 32,
        segments: [.init(queryStart: 0, queryCount: 1, keyStart: 0, keyCount: 200)]),
      // So many keys of one query that tasks share them, with and without packing.
      Case(
        heads: 9, keyValueHeads: 3, head: 64,
        segments: [.init(queryStart: 0, queryCount: 1, keyStart: 7, keyCount: 1000)]),
      Case(
        heads: 4, keyValueHeads: 4, head: 20,
        segments: [.init(queryStart: 0, queryCount: 1, keyStart: 0, keyCount: 769)]),
    ]

    @Test("forward and backward are those of the plain formulas in double", arguments: KernelSet.supported, cases)
    func matchesFormula(set: String, c: Case) throws {
      var random = Random(c.heads)
      let q = random.floats(c.rows * c.heads * c.head)
      let k = random.floats(c.keyRows * c.keyValueHeads * c.head)
      let v = random.floats(k.count)
      let dout = random.floats(q.count)
      let exact = ExactAttention(c, q, k, v, dout)
      let found = try with(set) {
        sameForAllThreads("attention") { run(c, q, k, v, dout) }
      }
      // Every result is a chain of sums of at most `keys + head` products of numbers below the largest one.
      let terms = Double(c.keyRows * c.heads / c.keyValueHeads + c.head + 16) * eps
      for (i, name) in ["out", "logsumexp", "dq", "dk", "dv"].enumerated() {
        let values = exact.results[i]
        let largest = values.map(abs).max() ?? 0
        let most = excess(found[i], values) { _ in terms * max(largest, 1) }
        #expect(most <= 1, "\(name) of \(c.testDescription): \(most)")
      }
    }

    @Test func `a document of a packed batch gets the same bits as alone`() throws {
      let together = Case(heads: 6, keyValueHeads: 3, head: 32, segments: [.init(rows: 0..<50), .init(rows: 50..<170)])
      let alone = Case(heads: 6, keyValueHeads: 3, head: 32, segments: [.init(rows: 0..<120)])
      var random = Random(5)
      let q = random.floats(170 * 6 * 32)
      let k = random.floats(170 * 3 * 32)
      let v = random.floats(k.count)
      let dout = random.floats(q.count)
      let both = run(together, q, k, v, dout)
      let one = run(
        alone, Array(q[(50 * 192)...]), Array(k[(50 * 96)...]), Array(v[(50 * 96)...]), Array(dout[(50 * 192)...]))
      #expect(bits(Array(both[0][(50 * 192)...])) == bits(one[0]))
      #expect(bits(Array(both[2][(50 * 192)...])) == bits(one[2]))
      #expect(bits(Array(both[3][(50 * 96)...])) == bits(one[3]))
    }

    @Test("scores that overflow exp without a running maximum come out right", arguments: KernelSet.supported)
    func largeScores(set: String) throws {
      let c = Case(heads: 1, keyValueHeads: 1, head: 16, segments: [.init(rows: 0..<200)])
      var random = Random(6)
      let q = random.floats(200 * 16, scale: 100)
      let k = random.floats(200 * 16, scale: 100)
      let v = random.floats(200 * 16)
      let out = try with(set) { run(c, q, k, v, v)[0] }
      let exact = ExactAttention(c, q, k, v, v).results[0]
      // Scores of some ten thousands carry errors of about 1e-3, and weights change by as much.
      #expect(excess(out, exact) { _ in 0.05 } <= 1)
    }

    private func run(_ c: Case, _ q: [Float], _ k: [Float], _ v: [Float], _ dout: [Float]) -> [[Float]] {
      var lse = [Float](repeating: .nan, count: c.heads * c.rows)
      let out = filled(q.count) { out in
        lse.withUnsafeMutableBufferPointer { lse in
          q.withUnsafeBufferPointer { q in
            k.withUnsafeBufferPointer { k in
              v.withUnsafeBufferPointer { v in
                Kernels.attention(out, logsumexp: lse, q: q, k: k, v: v, segments: c.segments, shape: c.shape)
              }
            }
          }
        }
      }
      // Key rows of no segment stay as they were.
      var dk = [Float](repeating: 0, count: k.count)
      var dv = dk
      let dq = filled(q.count) { dq in
        dk.withUnsafeMutableBufferPointer { dk in
          dv.withUnsafeMutableBufferPointer { dv in
            withAll([dout, out, lse, q, k, v]) {
              Kernels.attentionBackward(
                dq: dq, dk: dk, dv: dv, dout: $0[0], out: $0[1], logsumexp: $0[2], q: $0[3], k: $0[4], v: $0[5],
                segments: c.segments, shape: c.shape)
            }
          }
        }
      }
      return [out, lse, dq, dk, dv]
    }
  }
}

/// Buffers of all arrays at once.
func withAll(
  _ arrays: [[Float]], _ opened: [UnsafeBufferPointer<Float>] = [], _ body: ([UnsafeBufferPointer<Float>]) -> Void
) {
  guard opened.count < arrays.count else { return body(opened) }
  arrays[opened.count].withUnsafeBufferPointer { withAll(arrays, opened + [$0], body) }
}

/// Attention by its definition, in double: out, logsumexp, dq, dk, dv.
struct ExactAttention {
  var results: [[Double]]

  init(_ c: KernelTests.AttentionTests.Case, _ q: [Float], _ k: [Float], _ v: [Float], _ dout: [Float]) {
    let d = c.head
    let scale = Double(c.shape.scale)
    var out = [Double](repeating: 0, count: q.count)
    var lse = [Double](repeating: 0, count: c.heads * c.rows)
    var dq = out
    var dk = [Double](repeating: 0, count: k.count)
    var dv = dk
    for s in c.segments {
      for j in 0..<s.queryCount {
        for h in 0..<c.heads {
          let qAt = ((s.queryStart + j) * c.heads + h) * d
          let seen = s.keyCount - s.queryCount + j + 1
          func kAt(_ i: Int) -> Int { ((s.keyStart + i) * c.keyValueHeads + h / (c.heads / c.keyValueHeads)) * d }
          func dot(_ a: [Float], _ ai: Int, _ b: [Float], _ bi: Int) -> Double {
            var sum = 0.0
            for x in 0..<d { sum += Double(a[ai + x]) * Double(b[bi + x]) }
            return sum
          }
          let scores = (0..<seen).map { dot(q, qAt, k, kAt($0)) * scale }
          let most = scores.max() ?? 0
          let total = scores.reduce(0) { $0 + exp($1 - most) }
          lse[h * c.rows + s.queryStart + j] = most + log(total)
          let p = scores.map { exp($0 - most) / total }
          let dp = (0..<seen).map { dot(dout, qAt, v, kAt($0)) }
          let delta = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
          for i in 0..<seen {
            let ds = p[i] * (dp[i] - delta) * scale
            let at = kAt(i)
            for x in 0..<d {
              out[qAt + x] += p[i] * Double(v[at + x])
              dq[qAt + x] += ds * Double(k[at + x])
              dk[at + x] += ds * Double(q[qAt + x])
              dv[at + x] += p[i] * Double(dout[qAt + x])
            }
          }
        }
      }
    }
    results = [out, lse, dq, dk, dv]
  }
}
