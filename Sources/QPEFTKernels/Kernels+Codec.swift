internal import CQPKernels

extension Kernels {
  /// The 16 levels of a 4-bit code, by code, as bitsandbytes writes them into `quant_map`.
  package static func levels(_ kind: FourBitKind) -> [Float] {
    switch kind {
    case .nf4: withUnsafeBytes(of: qp_nf4_levels) { Array($0.bindMemory(to: Float.self)) }
    case .fp4: withUnsafeBytes(of: qp_fp4_levels) { Array($0.bindMemory(to: Float.self)) }
    }
  }

  /// bitsandbytes' signed dynamic map of 8-bit codes, `nested_quant_map`.
  package static var dynamicMap: [Float] {
    withUnsafeBytes(of: qp_dynamic_map) { Array($0.bindMemory(to: Float.self)) }
  }

  /// Quantizes `count` numbers to 4-bit codes with one scale a block, as bitsandbytes does.
  /// - codes: `(count + 1) / 2` bytes; absmax: one float for every `block` numbers.
  package static func quantize4Bit(
    codes: UnsafeMutableBufferPointer<UInt8>, absmax: Output, values: UnsafeRawBufferPointer, storage: MatrixStorage,
    count: Int, block: Int, kind: FourBitKind
  ) {
    precondition(values.count >= count * storage.byteWidth, "quantize4Bit: too few values")
    precondition(block.nonzeroBitCount == 1 && (32...4096).contains(block), "quantize4Bit: blocks of \(block)")
    check("quantize4Bit codes", codes.count, (count + 1) / 2)
    check("quantize4Bit absmax", absmax.count, MatrixView.blocks(count, block))
    guard count > 0 else { return }
    qp_q4_quantize(codes.baseAddress, absmax.baseAddress, values.baseAddress, storage.code, count, block, kind.code)
  }

  /// bitsandbytes' blockwise 8-bit quantization with the dynamic map.
  package static func quantizeDynamic8Bit(
    codes: UnsafeMutableBufferPointer<UInt8>, absmax: Output, values: Input, block: Int
  ) {
    check("quantizeDynamic8Bit codes", codes.count, values.count)
    check("quantizeDynamic8Bit absmax", absmax.count, MatrixView.blocks(values.count, block))
    guard values.count > 0 else { return }
    qp_dynamic8_quantize(codes.baseAddress, absmax.baseAddress, values.baseAddress, values.count, block)
  }
}
