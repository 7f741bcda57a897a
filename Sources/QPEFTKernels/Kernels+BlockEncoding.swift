internal import CQPKernels

extension BlockFormat {
  /// Whether this format can be written, not only read.
  package var isWritten: Bool { qp_blocks_are_written(code) != 0 }
}

extension Kernels {
  /// Encodes `x`, whole blocks of finite numbers, as ggml's reference quantization does, byte by byte.
  package static func encode(_ blocks: UnsafeMutableRawBufferPointer, _ x: Input, format: BlockFormat) {
    precondition(format.isWritten, "blocks of \(format) are not written")
    precondition(x.count % format.count == 0, "\(x.count) numbers are not whole blocks of \(format)")
    let count = x.count / format.count
    check("encode blocks", blocks.count, count * format.byteCount)
    guard count > 0 else { return }
    qp_blocks_encode(
      blocks.baseAddress?.assumingMemoryBound(to: UInt8.self), x.baseAddress, format.code, count)
  }
}
