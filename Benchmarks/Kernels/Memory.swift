internal import QPEFTKernels

/// Numbers that stay where they are.
final class Floats {
  let buffer: UnsafeMutableBufferPointer<Float>
  var input: UnsafeBufferPointer<Float> { UnsafeBufferPointer(buffer) }
  var count: Int { buffer.count }

  /// `count` repeatable numbers between -0.5 and 0.5.
  init(_ count: Int) {
    buffer = .allocate(capacity: count)
    var state: UInt64 = 1
    for i in 0..<count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      buffer[i] = Float(state >> 40) * 0x1p-24 - 0.5
    }
  }

  deinit { buffer.deallocate() }
}

/// A matrix in NF4 with blocks of 64, and the same numbers as floats.
final class FourBitWeight {
  let rows, columns: Int
  let view: MatrixView
  let dense: Floats
  /// Room for some rows as floats.
  let slab: Floats
  static let slabRows = 256
  private let codes: UnsafeMutableBufferPointer<UInt8>
  private let absmax: Floats
  private let levels: UnsafeMutableBufferPointer<Float>

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    let count = rows * columns
    dense = Floats(count)
    slab = Floats(min(rows, Self.slabRows) * columns)
    absmax = Floats(MatrixView.blocks(count, 64))
    codes = .allocate(capacity: (count + 1) / 2)
    let table = Kernels.levels(.nf4)
    levels = .allocate(capacity: table.count)
    _ = levels.initialize(fromContentsOf: table)
    Kernels.quantize4Bit(
      codes: codes, absmax: absmax.buffer, values: UnsafeRawBufferPointer(dense.buffer), storage: .f32, count: count,
      block: 64, kind: .nf4)
    view = MatrixView(
      codes: UnsafeRawBufferPointer(codes), levels: UnsafeBufferPointer(levels), absmax: absmax.input, block: 64,
      rows: rows, columns: columns)
    Kernels.decode(dense.buffer, view, first: 0)
  }

  deinit {
    codes.deallocate()
    levels.deallocate()
  }
}

/// A matrix in one of ggml's block formats, of random bytes, and the same numbers as floats.
final class BlockWeight {
  let rows, columns: Int
  let view: MatrixView
  let dense: Floats
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ format: BlockFormat, rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    dense = Floats(rows * columns)
    bytes = .allocate(byteCount: rows * columns / format.count * format.byteCount, alignment: 64)
    var state: UInt64 = 1
    for i in bytes.indices {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes[i] = UInt8(state >> 40 & 63)  // no scale is infinite then
    }
    view = MatrixView(blocks: UnsafeRawBufferPointer(bytes), format: format, rows: rows, columns: columns)
    Kernels.decode(dense.buffer, view, first: 0)
  }

  deinit { bytes.deallocate() }
}
