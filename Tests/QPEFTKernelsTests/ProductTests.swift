import QPEFTKernels
import Testing

extension KernelTests {
  @Suite("Products with frozen matrices") struct ProductTests {
    /// Whole panels, ragged ones, rows that begin inside a byte, more than one k-block.
    static let shapes = [(64, 96), (33, 31), (50, 38), (130, 288), (300, 64)]
    static let tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 29]

    @Test("x · Wᵀ is within rounding of the exact product", arguments: KernelSet.supported, TestMatrix.Storage.allCases)
    func forward(set: String, storage: TestMatrix.Storage) throws {
      for (rows, columns) in Self.shapes {
        let w = TestMatrix(storage, rows: rows, columns: columns)
        for n in Self.tokens {
          var random = Random(n)
          let x = random.floats(n * columns)
          let y = try with(set) {
            sameForAllThreads("\(w.testDescription), \(n) tokens") { [multiply(x, w, n: n)] }[0]
          }
          let exact = w.product(x, n: n)
          let found = excess(y, exact.value) { Double(columns + 2) * eps * exact.size[$0] }
          #expect(found <= 1, "\(w.testDescription), \(n) tokens")
        }
      }
    }

    @Test("dy · W is within rounding of the exact product", arguments: KernelSet.supported, TestMatrix.Storage.allCases)
    func backward(set: String, storage: TestMatrix.Storage) throws {
      for (rows, columns) in Self.shapes {
        let w = TestMatrix(storage, rows: rows, columns: columns)
        for n in Self.tokens {
          var random = Random(n)
          let dy = random.floats(n * rows)
          let dx = try with(set) {
            sameForAllThreads("\(w.testDescription), \(n) tokens") { [multiplyTransposed(dy, w, n: n)] }[0]
          }
          let exact = w.productTransposed(dy, n: n)
          let found = excess(dx, exact.value) { Double(rows + 2) * eps * exact.size[$0] }
          #expect(found <= 1, "\(w.testDescription), \(n) tokens")
        }
      }
    }

    @Test(
      "blocks of every size, ending with the rows", arguments: KernelSet.supported,
      [32, 64, 128, 256, 512, 1024, 2048, 4096])
    func blockSizes(set: String, block: Int) throws {
      for storage in [TestMatrix.Storage.nf4, .nested] {
        let w = TestMatrix(storage, rows: 34, columns: 4096, block: block)
        for n in [1, 9] {
          var random = Random(n)
          let (x, dy) = (random.floats(n * 4096), random.floats(n * 34))
          let (y, dx) = try with(set) { (multiply(x, w, n: n), multiplyTransposed(dy, w, n: n)) }
          let (forward, backward) = (w.product(x, n: n), w.productTransposed(dy, n: n))
          #expect(excess(y, forward.value) { 4098 * eps * forward.size[$0] } <= 1, "\(n) tokens")
          #expect(excess(dx, backward.value) { 36 * eps * backward.size[$0] } <= 1, "\(n) tokens")
        }
      }
    }

    @Test("more tokens than are packed at a time are one product", arguments: KernelSet.supported)
    func manyTokens(set: String) throws {
      let w = TestMatrix(.nf4, rows: 40, columns: 64)
      var random = Random(3)
      let x = random.floats(1000 * 64)
      let y = try with(set) { multiply(x, w, n: 1000) }
      let exact = w.product(x, n: 1000)
      #expect(excess(y, exact.value) { 66 * eps * exact.size[$0] } <= 1)
    }

    @Test("accumulating adds the product to what is there", arguments: KernelSet.supported, [1, 5, 20])
    func accumulates(set: String, n: Int) throws {
      for storage in [TestMatrix.Storage.f32, .nf4] {
        let w = TestMatrix(storage, rows: 70, columns: 320)
        var random = Random(n)
        let x = random.floats(n * 320)
        let dy = random.floats(n * 70)
        let y0 = random.floats(n * 70)
        let dx0 = random.floats(n * 320)
        let (y, dx) = try with(set) { (multiply(x, w, n: n, onto: y0), multiplyTransposed(dy, w, n: n, onto: dx0)) }
        let forward = w.product(x, n: n)
        let backward = w.productTransposed(dy, n: n)
        let sumY = zip(forward.value, y0).map { $0 + Double($1) }
        let sumX = zip(backward.value, dx0).map { $0 + Double($1) }
        #expect(excess(y, sumY) { 324 * eps * (forward.size[$0] + 1) } <= 1)
        #expect(excess(dx, sumX) { 74 * eps * (backward.size[$0] + 1) } <= 1)
      }
    }

    @Test("a token that is not a number spoils its own row and no other", arguments: KernelSet.supported)
    func notANumber(set: String) throws {
      let w = TestMatrix(.nf4, rows: 48, columns: 64)
      for n in [2, 7, 40] {
        var random = Random(9)
        var x = random.floats(n * 64)
        x[64 + 5] = .nan
        let y = try with(set) { multiply(x, w, n: n) }
        for i in 0..<n { #expect(y[i * 48..<(i + 1) * 48].allSatisfy { $0.isNaN == (i == 1) }) }
      }
    }

    @Test(
      "a token in fixed point differs by the rounding of x and of the levels, and never with threads",
      arguments: KernelSet.supported, [TestMatrix.Storage.nf4, .fp4Wide, .nested])
    func fixedPoint(set: String, storage: TestMatrix.Storage) throws {
      for (rows, columns) in [(1, 64), (7, 128), (130, 320), (33, 4160), (5, 8256)] {
        let w = TestMatrix(storage, rows: rows, columns: columns)
        var random = Random(columns)
        var x = random.floats(columns)
        for k in 0..<64 { x[k] *= 1e-4 }  // a block of its own size
        for k in columns - 64..<columns { x[k] *= Float(k % 2) }
        let y = try with(set) { sameForAllThreads(w.testDescription) { [multiplyFixedPoint(x, w)] }[0] }
        let exact = w.product(x, n: 1)
        let rounding = w.fixedPointRounding(x)
        let found = excess(y, exact.value) { rounding[$0] / 32700 + 80 * eps * exact.size[$0] }
        #expect(found <= 1, "\(w.testDescription)")
        // Far from its bound, since roundings do not conspire.
        #expect(zip(y, exact.value).contains { abs(Double($0) - $1) > 0 })
      }
    }

    @Test("what is not a number, or too large, stays so in fixed point", arguments: KernelSet.supported)
    func fixedPointSpoiled(set: String) throws {
      let w = TestMatrix(.nf4, rows: 9, columns: 128)
      for spoiled in [Float.nan, .infinity] {
        var x = [Float](repeating: 1, count: 128)
        x[70] = spoiled
        #expect(try with(set) { multiplyFixedPoint(x, w) }.allSatisfy { !$0.isFinite })
      }
      #expect(try with(set) { multiplyFixedPoint([Float](repeating: 0, count: 128), w) }.allSatisfy { $0 == 0 })
    }

    @Test("where fixed point does not fit, the product is that of floats", arguments: KernelSet.supported)
    func fixedPointElsewhere(set: String) throws {
      for w in [TestMatrix(.nf4, rows: 20, columns: 96), TestMatrix(.f16, rows: 20, columns: 64)] {
        var random = Random(4)
        let x = random.floats(w.columns)
        #expect(try with(set) { bits(multiplyFixedPoint(x, w)) == bits(multiply(x, w, n: 1)) })
      }
    }

    @Test("a product over no inputs is zero, or what was there, and its term", arguments: KernelSet.supported)
    func nothingToSum(set: String) throws {
      let nothing = Kernels.Input(start: nil, count: 0)
      let (w, transposed) = (TestMatrix(.nf4, rows: 3, columns: 0), TestMatrix(.nf4, rows: 0, columns: 3))
      let (hidden, factor): ([Float], [Float]) = ([2], [1, 3, 5])
      try hidden.withUnsafeBufferPointer { hidden in
        try factor.withUnsafeBufferPointer { factor in
          let cases: [(Kernels.LowRankTerm?, [Float])] = [(nil, [0, 0, 0]), ((hidden, factor, 1), [2, 6, 10])]
          for (term, expected) in cases {
            let products = try with(set) {
              [
                filled(3) { Kernels.multiply($0, nothing, w.view, n: 1, plus: term) },
                filled(3) { Kernels.multiplyFixedPoint($0, nothing, w.view, n: 1, plus: term) },
                filled(3) { Kernels.multiplyTransposed($0, nothing, transposed.view, n: 1, plus: term) },
              ]
            }
            #expect(products == [expected, expected, expected])
          }
        }
      }
      let start: [Float] = [7, 8, 9]
      let accumulated = try with(set) {
        [
          filled(3, start) { Kernels.multiply($0, nothing, w.view, n: 1, accumulate: true) },
          filled(3, start) { Kernels.multiplyTransposed($0, nothing, transposed.view, n: 1, accumulate: true) },
        ]
      }
      #expect(accumulated == [start, start])
    }

    @Test("rows are gathered as they decode", arguments: KernelSet.supported, TestMatrix.Storage.allCases)
    func gather(set: String, storage: TestMatrix.Storage) throws {
      let w = TestMatrix(storage, rows: 23, columns: 37)
      let ids: [Int32] = [22, 0, 7, 7, 1]
      let y = try with(set) {
        filled(ids.count * 37) { y in ids.withUnsafeBufferPointer { Kernels.gatherRows(y, w.view, ids: $0) } }
      }
      #expect(bits(y) == bits(ids.flatMap { w.dense[Int($0) * 37..<(Int($0) + 1) * 37] }))
    }

    @Test("any run of any storage decodes to the bits of the plain formula", arguments: KernelSet.supported)
    func decode(set: String) throws {
      for storage in TestMatrix.Storage.allCases {
        let w = TestMatrix(storage, rows: 19, columns: 331)
        for (first, count) in [(0, 19 * 331), (0, 2), (1, 1), (63, 2), (64, 64), (65, 130), (4095, 1000), (6288, 1)] {
          let y = try with(set) { filled(count) { Kernels.decode($0, w.view, first: first) } }
          #expect(bits(y) == bits(Array(w.dense[first..<first + count])), "\(storage) \(first) + \(count)")
        }
      }
    }

    @Test("dense products agree with the exact ones in all four orientations", arguments: [(5, 7, 3), (200, 390, 70)])
    func gemm(m: Int, n: Int, k: Int) {
      var random = Random(m)
      let a = random.floats(m * k)
      let b = random.floats(k * n)
      let c0 = random.floats(m * n)
      for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        func at(_ i: Int, _ l: Int) -> Double { Double(ta ? a[l * m + i] : a[i * k + l]) }
        func bt(_ l: Int, _ j: Int) -> Double { Double(tb ? b[j * k + l] : b[l * n + j]) }
        let c = sameForAllThreads("gemm") {
          [
            filled(m * n, c0) { c in
              a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                  Kernels.gemm(c, a, transposeA: ta, b, transposeB: tb, m: m, n: n, k: k, accumulate: true)
                }
              }
            }
          ]
        }[0]
        var exact = c0.map(Double.init)
        var size = exact.map(abs)
        for i in 0..<m {
          for j in 0..<n {
            for l in 0..<k {
              exact[i * n + j] += at(i, l) * bt(l, j)
              size[i * n + j] += abs(at(i, l) * bt(l, j))
            }
          }
        }
        #expect(excess(c, exact) { Double(k + 4) * eps * size[$0] } <= 1)
      }
    }
  }
}

func multiply(_ x: [Float], _ w: TestMatrix, n: Int, onto start: [Float]? = nil) -> [Float] {
  filled(n * w.rows, start) { y in
    x.withUnsafeBufferPointer { Kernels.multiply(y, $0, w.view, n: n, accumulate: start != nil) }
  }
}

func multiplyFixedPoint(_ x: [Float], _ w: TestMatrix) -> [Float] {
  filled(w.rows) { y in x.withUnsafeBufferPointer { Kernels.multiplyFixedPoint(y, $0, w.view, n: 1) } }
}

func multiplyTransposed(_ dy: [Float], _ w: TestMatrix, n: Int, onto start: [Float]? = nil) -> [Float] {
  filled(n * w.columns, start) { dx in
    dy.withUnsafeBufferPointer { Kernels.multiplyTransposed(dx, $0, w.view, n: n, accumulate: start != nil) }
  }
}
