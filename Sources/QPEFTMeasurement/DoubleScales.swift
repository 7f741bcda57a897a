internal import QPEFTKernels

/// Scales of blocks as bitsandbytes' double quantization has them: codes of their distance from the mean, 256 to a scale of scales.
final class DoubleScales: Sendable {
  private static let block = 256
  private let codes: Scratch
  private let map = Numbers(256)
  private let absmax: Numbers
  private let mean: Float

  /// Quantizes the scales of blocks, which are overwritten.
  init(blocks: Numbers) {
    codes = Scratch(blocks.count, isMapped: true)
    absmax = Numbers(MatrixView.blocks(blocks.count, Self.block))
    mean = blocks.buffer.reduce(0, +) / Float(blocks.count)
    for index in blocks.buffer.indices { blocks.buffer[index] -= mean }
    _ = map.buffer.update(fromContentsOf: Kernels.dynamicMap)
    Kernels.quantizeDynamic8Bit(
      codes: UnsafeMutableBufferPointer(rebasing: codes.bytes.bindMemory(to: UInt8.self)[..<blocks.count]),
      absmax: absmax.buffer, values: blocks.input, block: Self.block)
  }

  /// A matrix with these scales, which live as long as this object.
  func view(
    codes: UnsafeRawBufferPointer, levels: UnsafeBufferPointer<Float>, block: Int, rows: Int, columns: Int
  ) -> MatrixView {
    MatrixView(
      codes: codes, levels: levels, absmaxCodes: UnsafeBufferPointer(self.codes.bytes.bindMemory(to: UInt8.self)),
      nestedMap: map.input, nestedAbsmax: absmax.input, nestedBlock: Self.block, offset: mean, block: block,
      rows: rows, columns: columns)
  }
}
