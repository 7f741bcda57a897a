import QPEFTKernels
import Testing

extension KernelTests {
  /// Bytes of scratch, by shape: a part that all threads share and one for each. Whoever changes them on purpose writes the new
  /// numbers here, and says why in the commit.
  @Suite("Scratch") struct ScratchTests {
    /// As many threads as there may ever be on this machine; scratch is made for them, however many are in use.
    static func mostThreads() -> Int {
      let before = KernelSet.threadCount
      defer { KernelSet.threadCount = before }
      KernelSet.threadCount = 1 << 20
      return KernelSet.threadCount
    }

    @Test(
      "a product takes no more scratch than it always did",
      arguments: [
        (576, 1536, 1, 6144), (576, 1536, 512, 3_145_728), (4096, 4096, 64, 1_048_576), (11008, 4096, 2048, 8_388_608),
      ])
    func product(rows: Int, columns: Int, tokens: Int, shared: Int) {
      // Only its shape is asked for; nobody reads the memory.
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * rows * columns, alignment: 64)
      defer { memory.deallocate() }
      let w = MatrixView(dense: .init(memory), storage: .bf16, rows: rows, columns: columns)
      #expect(Kernels.multiplyScratchBytes(w, n: tokens) == shared + Self.mostThreads() * 262_144)
    }

    @Test(
      "attention takes no more scratch than it always did",
      arguments: [(9, 3, 64, 265_472, 360_448), (32, 4, 128, 429_312, 589_824)])
    func attention(heads: Int, keyValueHeads: Int, head: Int, each: Int, backwardEach: Int) {
      let shape = AttentionShape(heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1)
      #expect(Kernels.scratchBytes(shape) == Self.mostThreads() * each)
      let (one, two) = (Kernels.backwardScratchBytes(shape, rows: 512), Kernels.backwardScratchBytes(shape, rows: 1024))
      // What grows with rows is shared by all threads.
      #expect(one - (two - one) == Self.mostThreads() * backwardEach)
    }
  }
}
