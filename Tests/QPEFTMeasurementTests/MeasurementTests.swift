import QPEFTKernels
import QPEFTMeasurement
import Testing

@Suite("Measuring", .serialized) struct MeasurementTests {
  @Test func `a case counts the multiplications and additions of its definition`() {
    #expect(KernelCase(.nf4Forward, rows: 3, columns: 5, tokens: 7).operations == 2 * 3 * 5 * 7)
    // Two products over the pairs of rows that see each other: 4 * 5 / 2 of them, 2 operations for each of 8 columns, 2 heads.
    #expect(KernelCase(.attentionForward, rows: 2, columns: 8, tokens: 4).operations == 2 * 10 * 2 * 8 * 2)
    #expect(KernelCase(.attentionBackward, rows: 2, columns: 8, tokens: 4).operations == 5 * 10 * 2 * 8 * 2)
  }

  @Test("every kernel is measured beside sgemm, in ragged shapes too", arguments: MeasuredKernel.allCases)
  func kernels(kernel: MeasuredKernel) {
    let speed = KernelWork(KernelCase(kernel, rows: 40, columns: 72, tokens: 9)).measure(rounds: 1, seconds: 0.001)
    #expect(speed.kernel == kernel.rawValue && speed.rows == 40 && speed.columns == 72 && speed.tokens == 9)
    #expect(speed.gflops > 0 && speed.gflops.isFinite)
    #expect((speed.sgemmGflops != nil) == (KernelWork.yardstickName != nil))
    if let sgemm = speed.sgemmGflops { #expect(sgemm > 0 && sgemm.isFinite && speed.ratio == speed.gflops / sgemm) }
  }

  @Test(.enabled(if: KernelWork.yardstickName != nil, "OpenBLAS is not installed"))
  func `the yardstick leaves our dense products as they were, and agrees with them`() {
    let (m, n, k) = (130, 70, 90)
    let a = (0..<m * k).map { Float($0 % 7) }
    let b = (0..<n * k).map { Float($0 % 5) }
    func product(_ body: (Kernels.Output, Kernels.Input, Kernels.Input) -> Void) -> [Float] {
      var c = [Float](repeating: -1, count: m * n)
      c.withUnsafeMutableBufferPointer { c in
        a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { b in body(c, a, b) } }
      }
      return c
    }
    let before = product { Kernels.gemm($0, $1, $2, transposeB: true, m: m, n: n, k: k) }
    let whole = product { Kernels.yardstickGemm($0, $1, $2, transposeB: true, m: m, n: n, k: k) }
    let after = product { Kernels.gemm($0, $1, $2, transposeB: true, m: m, n: n, k: k) }
    #expect(before == after)
    #expect(before == whole)  // small integers: exact in any order
  }

  @Test(
    "work of every kind and storage has a duration that grows with it",
    arguments: ["nf4", "fp4", "q4_k", "bf16", "f32"])
  func stepTime(storage: String) throws {
    var work = StepWork()
    for isTransposed in [false, true] {
      work.calls[.product(storage: storage, rows: 256, columns: 512, isTransposed: isTransposed, tokens: 40)] = 1
    }
    work.calls[.dense(m: 40, n: 16, k: 512, transposesA: false, transposesB: true)] = 1
    for isBackward in [false, true] {
      let isBFloat16 = storage == "bf16"
      work.calls[
        .attention(
          heads: 4, keyValueHeads: 2, head: 16, tokens: 40, isBackward: isBackward, isBFloat16: isBFloat16)] = 1
    }
    let once = try #require(StepTime.seconds(work))
    for call in work.calls.keys { work.calls[call] = 1000 }
    work.tensorBytes = 1 << 30
    #expect(try once > 0 && #require(StepTime.seconds(work)) > 10 * once)
    #expect(StepTime.seconds(StepWork()) == 0)
  }

  @Test func `estimates follow from the speeds and name the bytes of the checkpoint`() throws {
    let cases = [KernelCase].quick
    let speeds = cases.map { KernelSpeedFixture.speed($0, gflops: 100) }
    let seven = try #require(ModelEstimate.all(speeds).last)
    #expect(seven.parameters == 6_738_415_616)  // Llama-2-7B
    #expect(abs(Double(seven.weightBytes) - 3.86e9) < 0.02e9)
    // All kernels equally fast: two operations a weight of the linear layers and the head.
    let linearAndHead = Double(seven.parameters - 32000 * 4096 - 65 * 4096)
    #expect(abs(seven.generateTokensPerSecond * 2 * linearAndHead / 100e9 - 1) < 1e-9)
    #expect(seven.trainTokensPerSecond < seven.trainWithoutRecomputationTokensPerSecond)
    #expect(ModelEstimate.all([]).isEmpty)
  }

  @Test func `memory and the innermost product have a speed`() {
    let memory = MemoryBandwidth.measure(megabytes: 4, seconds: 0.01)
    #expect(memory.read > 0 && memory.update > 0)
    #expect(TilePeak.gflops(seconds: 0.01) > 0)
    #expect(!Processor.name.isEmpty)
  }
}

enum KernelSpeedFixture {
  static func speed(_ one: KernelCase, gflops: Double) -> KernelSpeed {
    KernelSpeed(
      kernel: one.kernel.rawValue, rows: one.rows, columns: one.columns, tokens: one.tokens, gflops: gflops,
      sgemmGflops: 50)
  }
}
