import Foundation
import QPEFTKernels
import Testing

extension KernelTests {
  @Suite("Vectors, random numbers, AdamW") struct VectorTests {
    static let counts = [1, 3, 15, 16, 17, 1000, 16_384, 40_003]

    @Test("elementwise operations are the plain ones", arguments: KernelSet.supported, counts)
    func elementwise(set: String, count: Int) throws {
      var random = Random(count)
      let a = random.floats(count)
      let b = random.floats(count)
      let found = try with(set) {
        [
          filled(count) { y in withAll([a, b]) { Kernels.add(y, $0[0], $0[1]) } },
          filled(count) { y in withAll([a, b]) { Kernels.multiplyElements(y, $0[0], $0[1]) } },
          filled(count, a) { Kernels.scale($0, by: 0.3) },
          filled(count, a) { y in withAll([b]) { Kernels.axpy(y, $0[0], scale: -0.7) } },
        ]
      }
      #expect(bits(found[0]) == bits(zip(a, b).map { $0 + $1 }))
      #expect(bits(found[1]) == bits(zip(a, b).map { $0 * $1 }))
      #expect(bits(found[2]) == bits(a.map { $0 * 0.3 }))
      #expect(excess(found[3], zip(a, b).map { Double($0) + Double(Float(-0.7)) * Double($1) }) { _ in 4 * eps } <= 1)
    }

    @Test(
      "sums do not depend on threads and are right to double precision", arguments: KernelSet.supported,
      counts + [600_001])
    func sums(set: String, count: Int) throws {
      var random = Random(count)
      let a = random.floats(count)
      let b = random.floats(count)
      var exact = 0.0
      for i in 0..<count { exact += Double(a[i]) * Double(b[i]) }
      let before = KernelSet.threadCount
      defer { KernelSet.threadCount = before }
      var found: Set<UInt64> = []
      try with(set) {
        for threads in 1...3 {
          KernelSet.threadCount = threads
          withAll([a, b]) { found.insert(Kernels.dot($0[0], $0[1]).bitPattern) }
        }
      }
      #expect(found.count == 1)
      #expect(abs(Double(bitPattern: try #require(found.first)) - exact) <= Double(count) * 0x1p-52 * Double(count))
    }

    @Test("rows are added and summed in order", arguments: KernelSet.supported, [(1, 5), (37, 130), (300, 33)])
    func rows(set: String, size: (Int, Int)) throws {
      let (n, d) = size
      var random = Random(n)
      let x = random.floats(n * d)
      let row = random.floats(d)
      let found = try with(set) {
        sameForAllThreads("rows") {
          [
            filled(n * d, x) { y in withAll([row]) { Kernels.addRow(y, $0[0]) } },
            filled(d, row) { y in withAll([x]) { Kernels.sumRows(y, $0[0]) } },
          ]
        }
      }
      var sums = row
      for i in 0..<n { for j in 0..<d { sums[j] += x[i * d + j] } }
      #expect(bits(found[0]) == bits((0..<n * d).map { x[$0] + row[$0 % d] }))
      #expect(bits(found[1]) == bits(sums))
    }

    @Test func `the first numbers are those published for Philox 4x32-10`() {
      // Random123's known answers for counter 0 and key 0.
      let words: [UInt32] = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
      let found = filled(4) { Kernels.uniform($0, key: RandomKey(seed: 0)) }
      #expect(found == words.map { Float($0 >> 8) * 0x1p-24 })
    }

    @Test("random numbers are the same in every set, for every length", arguments: KernelSet.supported, counts)
    func uniform(set: String, count: Int) throws {
      let key = RandomKey(seed: 0x1234_5678_9ABC_DEF0, step: 7, site: 9)
      let expected = try with("reference") { filled(count) { Kernels.uniform($0, key: key) } }
      let found = try with(set) {
        sameForAllThreads("uniform") { [filled(count) { Kernels.uniform($0, key: key) }] }[0]
      }
      #expect(bits(found) == bits(expected))
      let longer = try with(set) { filled(count + 9) { Kernels.uniform($0, key: key) } }
      #expect(bits(Array(longer[..<count])) == bits(found))
    }

    @Test("dropout keeps what the numbers say and scales it", arguments: KernelSet.supported, [1, 63, 20_001])
    func dropout(set: String, count: Int) throws {
      let key = RandomKey(seed: 3, step: 1, site: 2)
      let drawn = filled(count) { Kernels.uniform($0, key: key) }
      let x = [Float](repeating: 3, count: count)
      for p in [Float(0), 0.25, 1] {
        let y = try with(set) { filled(count) { y in withAll([x]) { Kernels.dropout(y, $0[0], p: p, key: key) } } }
        #expect(y == drawn.map { $0 >= p ? 3 * (1 / (1 - p)) : 0 })
      }
    }

    @Test("AdamW takes the steps of its definition", arguments: KernelSet.supported)
    func adamW(set: String) throws {
      let count = 1003
      var random = Random(1)
      var p = random.floats(count)
      var m = [Float](repeating: 0, count: count)
      var v = m
      var exact = p.map(Double.init)
      var exactM = m.map(Double.init)
      var exactV = exactM
      for step in 1...5 {
        let g = random.floats(count)
        try with(set) {
          p.withUnsafeMutableBufferPointer { p in
            m.withUnsafeMutableBufferPointer { m in
              v.withUnsafeMutableBufferPointer { v in
                withAll([g]) {
                  Kernels.adamW(
                    parameter: p, firstMoment: m, secondMoment: v, gradient: $0[0], gradientScale: 0.5,
                    learningRate: 1e-2,
                    beta1: 0.9, beta2: 0.95, eps: 1e-6, weightDecay: 0.1, step: step)
                }
              }
            }
          }
        }
        for i in 0..<count {
          let gi = Double(g[i]) * 0.5
          exactM[i] = 0.9 * exactM[i] + 0.1 * gi
          exactV[i] = 0.95 * exactV[i] + 0.05 * gi * gi
          let root = (exactV[i] / (1 - pow(0.95, Double(step)))).squareRoot() + 1e-6
          exact[i] = exact[i] * (1 - 1e-3) - 1e-2 / (1 - pow(0.9, Double(step))) * exactM[i] / root
        }
      }
      #expect(excess(p, exact) { _ in 40 * eps } <= 1)
    }

    @Test func `the last set is the reference and the override ends with its block`() throws {
      #expect(KernelSet.supported.last == "reference")
      let before = KernelSet.active
      #expect(KernelSet.with("reference") { KernelSet.active } == "reference")
      #expect(KernelSet.active == before)
      #expect(KernelSet.with("no such set") { 1 } == nil)
    }
  }
}
