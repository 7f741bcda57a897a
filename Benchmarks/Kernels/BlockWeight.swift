internal import QPEFTKernels
internal import QPEFTMeasurement

/// A matrix in one of ggml's block formats, of random bytes, and the same numbers as floats.
final class BlockWeight {
  let rows, columns: Int
  let view: MatrixView
  let dense: Numbers
  var byteCount: Int { bytes.count }
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ format: BlockFormat, rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    dense = Numbers(rows * columns)
    bytes = .allocate(byteCount: rows * columns / format.count * format.byteCount, alignment: 64)
    var state: UInt64 = 1
    for i in bytes.indices {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes[i] = UInt8(state >> 40 & 63)  // no scale is infinite then
    }
    // The scale of MXFP4 is an exponent alone; others of small bytes are small float16.
    if format == .mxfp4 { for i in stride(from: 0, to: bytes.count, by: format.byteCount) { bytes[i] = 120 } }
    view = MatrixView(blocks: UnsafeRawBufferPointer(bytes), format: format, rows: rows, columns: columns)
    Kernels.decode(dense.buffer, view, first: 0)
  }

  deinit { bytes.deallocate() }
}
