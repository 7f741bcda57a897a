import QPEFTKernels
import Testing

extension KernelTests {
  @Suite("Block encoding") struct BlockEncodingTests {
    static let written = BlockFormat.allCases.filter(\.isWritten)

    private func encode(_ numbers: [Float], _ format: BlockFormat) -> [UInt8] {
      var blocks = [UInt8](repeating: 0xAA, count: numbers.count / format.count * format.byteCount)
      blocks.withUnsafeMutableBytes { blocks in
        numbers.withUnsafeBufferPointer { Kernels.encode(blocks, $0, format: format) }
      }
      return blocks
    }

    @Test func `the formats that are written are those that exports offer, and what they fall back to`() {
      #expect(Self.written == [.q4_0, .q4_1, .q5_0, .q8_0, .q4_k, .q6_k, .iq4_nl])
    }

    @Test("blocks are those of ggml's own reference quantization, byte by byte", arguments: written)
    func matchesGGML(format: BlockFormat) throws {
      let numbers = try Fixture.floats("values.f32", in: "ggml-blocks")
      #expect(encode(numbers, format) == (try Fixture.bytes("\(format).blocks", in: "ggml-blocks")))
    }

    @Test("blocks do not depend on threads, and on nothing but their own numbers", arguments: written)
    func areIndependent(format: BlockFormat) throws {
      var random = Random(7)
      let numbers = random.floats(format.count * 200)
      let whole = try with("reference") { encode(numbers, format) }
      let threads = KernelSet.threadCount
      KernelSet.threadCount = 1
      defer { KernelSet.threadCount = threads }
      let pieces = [0..<1, 1..<77, 77..<200].flatMap { range in
        encode(Array(numbers[(range.lowerBound * format.count)..<(range.upperBound * format.count)]), format)
      }
      #expect(whole == pieces)
    }
  }
}
