import QPEFTKernels
import Testing

extension KernelTests {
  /// That the reference decodes as the gguf package does: `GGUFTests`.
  @Suite("ggml's block formats") struct BlockFormatTests {
    /// Rows that fill panels and that do not; one and more k-blocks of any format.
    static let shapes = [(64, 256), (33, 512), (6, 1280)]
    static let tokens = [1, 2, 3, 4, 5, 9, 29]

    @Test("any run of any format has the same bits in every set", arguments: KernelSet.supported, BlockFormat.allCases)
    func decode(set: String, format: BlockFormat) throws {
      let matrix = BlockMatrix(format, rows: 3, columns: 768)
      for (first, count) in [(0, 3 * 768), (0, 32), (1, 1), (31, 2), (33, 31), (250, 12), (767, 2), (500, 1804)] {
        let y = try with(set) { filled(count) { Kernels.decode($0, matrix.view, first: first) } }
        #expect(bits(y) == bits(Array(matrix.dense[first..<first + count])), "\(first) + \(count)")
      }
    }

    @Test(
      "products are those of the decoded numbers, bit for bit", arguments: KernelSet.supported, BlockFormat.allCases)
    func products(set: String, format: BlockFormat) throws {
      for (rows, columns) in Self.shapes {
        for head in [0, 2] where rows % max(1, head) == 0 {
          let matrix = BlockMatrix(format, rows: rows, columns: columns, interleavedHead: head)
          for n in Self.tokens {
            var random = Random(n)
            let x = random.floats(n * columns)
            let dy = random.floats(n * rows)
            let what = "\(rows)x\(columns), \(n) tokens, heads of \(head)"
            let found = try with(set) {
              sameForAllThreads(what) { [matrix.multiply(x, n: n), matrix.multiplyTransposed(dy, n: n)] }
            }
            let wanted = try with(set) {
              [matrix.multiply(x, n: n, decoded: true), matrix.multiplyTransposed(dy, n: n, decoded: true)]
            }
            #expect(bits(found[0]) == bits(wanted[0]), "x · Wᵀ, \(what)")
            #expect(bits(found[1]) == bits(wanted[1]), "dy · W, \(what)")
          }
        }
      }
    }

    @Test("rows of heads that llama.cpp interleaved are found in their order", arguments: KernelSet.supported)
    func interleaved(set: String) throws {
      let columns = 64, head = 8, rows = 24
      for storage in [MatrixStorage.f32, .f16, .bf16] {
        let halves = (0..<rows * columns).map { UInt16(truncatingIfNeeded: $0) }
        let floats = halves.map { Float($0) }
        let plain = storage == .f32 ? floats.withUnsafeBytes { Array($0) } : halves.withUnsafeBytes { Array($0) }
        try plain.withUnsafeBytes { bytes in
          let stored = MatrixView(dense: bytes, storage: storage, rows: rows, columns: columns)
          let all = filled(rows * columns) { Kernels.decode($0, stored, first: 0) }
          let order = (0..<rows).map { $0 / head * head + $0 % head % (head / 2) * 2 + $0 % head / (head / 2) }
          let wanted = order.flatMap { all[$0 * columns..<($0 + 1) * columns] }
          let view = stored.interleaved(head: head)
          let found = try with(set) { filled(rows * columns) { Kernels.decode($0, view, first: 0) } }
          #expect(bits(found) == bits(wanted), "\(storage)")
          let ids: [Int32] = [23, 0, 5, 5]
          let gathered = try with(set) {
            filled(ids.count * columns) { y in ids.withUnsafeBufferPointer { Kernels.gatherRows(y, view, ids: $0) } }
          }
          #expect(bits(gathered) == bits(ids.flatMap { wanted[Int($0) * columns..<(Int($0) + 1) * columns] }))
        }
      }
    }
  }
}

/// A matrix of random blocks whose numbers are sane, and the same as floats that the reference decodes.
private final class BlockMatrix {
  let view: MatrixView
  let dense: [Float]
  private let bytes: UnsafeMutableRawBufferPointer
  private let floats: UnsafeMutableRawBufferPointer

  init(_ format: BlockFormat, rows: Int, columns: Int, interleavedHead head: Int = 0) {
    var random = Random(rows + columns)
    let count = rows * columns / format.count
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count * format.byteCount, alignment: 1)
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next() >> 32) }
    for block in 0..<count {
      // Scales: halves below 1 with any fraction; MXFP4 has a power of two.
      for place in Self.scales(format) {
        let at = block * format.byteCount + place
        bytes[at] = format == .mxfp4 ? 110 + bytes[at] % 24 : bytes[at] & 0xB7
      }
    }
    let stored = MatrixView(blocks: .init(bytes), format: format, rows: rows, columns: columns)
    let view = head > 0 ? stored.interleaved(head: head) : stored
    let dense = KernelSet.with("reference") { filled(rows * columns) { Kernels.decode($0, view, first: 0) } } ?? []
    let floats = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * dense.count, alignment: 64)
    dense.withUnsafeBytes { floats.copyMemory(from: $0) }
    self.floats = floats
    self.bytes = bytes
    self.dense = dense
    self.view = view
  }

  deinit {
    bytes.deallocate()
    floats.deallocate()
  }

  /// Places of the upper bytes of float16 scales in a block, or of the one byte of MXFP4.
  private static func scales(_ format: BlockFormat) -> [Int] {
    switch format {
    case .q4_0, .q5_0, .q8_0, .iq4_nl, .iq4_xs: [1]
    case .q4_1, .q5_1, .q4_k, .q5_k: [1, 3]
    case .q2_k: [81, 83]
    case .q3_k: [109]
    case .q6_k: [209]
    case .mxfp4: [0]
    }
  }

  private var denseView: MatrixView {
    MatrixView(dense: .init(floats), storage: .f32, rows: view.rows, columns: view.columns)
  }

  func multiply(_ x: [Float], n: Int, decoded: Bool = false) -> [Float] {
    filled(n * view.rows) { y in
      x.withUnsafeBufferPointer { Kernels.multiply(y, $0, decoded ? denseView : view, n: n) }
    }
  }

  func multiplyTransposed(_ dy: [Float], n: Int, decoded: Bool = false) -> [Float] {
    filled(n * view.columns) { dx in
      dy.withUnsafeBufferPointer { Kernels.multiplyTransposed(dx, $0, decoded ? denseView : view, n: n) }
    }
  }
}
