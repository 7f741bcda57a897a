package import QPEFTKernels

/// A frozen matrix in the storage of a kernel, and the same numbers as floats for the yardstick. NF4 has double-quantized scales, as the
/// models that `qpeft quantize` writes.
package final class MeasuredWeights: Sendable {
  package let view: MatrixView
  package let dense: Numbers
  private let owners: [any AnyObject & Sendable]

  /// A matrix of repeatable numbers for a kernel that multiplies.
  package init(_ kernel: MeasuredKernel, rows: Int, columns: Int) {
    dense = Numbers(rows * columns, seed: 2)
    if kernel == .bf16Forward {
      let halves = Scratch(2 * dense.count, isMapped: true)
      let numbers = halves.bytes.bindMemory(to: UInt16.self)
      for index in 0..<dense.count { numbers[index] = UInt16(dense.buffer[index].bitPattern >> 16) }
      view = MatrixView(dense: .init(halves.bytes), storage: .bf16, rows: rows, columns: columns)
      owners = [halves]
    } else {
      let block = 64
      let codes = Scratch((dense.count + 1) / 2, isMapped: true)
      let absmax = Numbers(MatrixView.blocks(dense.count, block))
      let levels = Numbers(16)
      _ = levels.buffer.update(fromContentsOf: Kernels.levels(.nf4))
      let bytes = UnsafeMutableBufferPointer(
        rebasing: codes.bytes.bindMemory(to: UInt8.self)[..<((dense.count + 1) / 2)])
      Kernels.quantize4Bit(
        codes: bytes, absmax: absmax.buffer, values: UnsafeRawBufferPointer(dense.buffer), storage: .f32,
        count: dense.count, block: block, kind: .nf4)
      let scales = DoubleScales(blocks: absmax)
      view = scales.view(codes: .init(codes.bytes), levels: levels.input, block: block, rows: rows, columns: columns)
      owners = [codes, levels, scales]
    }
    Kernels.decode(dense.buffer, view, first: 0)
  }
}
