internal import QPEFTKernels
package import QPEFTTensor

/// 4-bit codes and block scales of a run of weights.
package struct QuantizedBlocks {
  /// Two codes a byte, the first in the high half.
  package private(set) var codes: [UInt8]
  /// Largest magnitude in each block.
  package private(set) var absmax: [Float]

  /// Quantizes `count` numbers at `values`. A run that is part of a tensor starts at a whole block and is even.
  package init(quantizing values: UnsafeRawBufferPointer, type: ElementType, count: Int, scheme: QuantizationScheme) {
    let blocks = MatrixView.blocks(count, scheme.blockSize)
    var absmax = [Float](repeating: 0, count: blocks)
    codes = [UInt8](unsafeUninitializedCapacity: (count + 1) / 2) { codes, initialized in
      absmax.withUnsafeMutableBufferPointer { absmax in
        Kernels.quantize4Bit(
          codes: UnsafeMutableBufferPointer(rebasing: codes[..<((count + 1) / 2)]), absmax: absmax, values: values,
          storage: type.storage, count: count, block: scheme.blockSize, kind: scheme.format.kind)
      }
      initialized = (count + 1) / 2
    }
    self.absmax = absmax
  }
}

/// Scales of blocks in 8 bits around their mean: bitsandbytes' double quantization.
package struct NestedScales {
  /// One code for each scale.
  package let codes: [UInt8]
  /// Largest distance from the mean in each 256 scales.
  package let absmax: [Float]
  /// Mean of the scales.
  package let offset: Float

  /// Quantizes scales.
  package init(quantizing scales: [Float]) {
    let mean = scales.isEmpty ? 0 : TorchSum.mean(scales)
    let centred = scales.map { $0 - mean }
    var codes = [UInt8](repeating: 0, count: scales.count)
    var absmax = [Float](
      repeating: 0, count: MatrixView.blocks(scales.count, QuantizationScheme.nestedBlockSize))
    codes.withUnsafeMutableBufferPointer { codes in
      absmax.withUnsafeMutableBufferPointer { absmax in
        centred.withUnsafeBufferPointer {
          Kernels.quantizeDynamic8Bit(
            codes: codes, absmax: absmax, values: $0, block: QuantizationScheme.nestedBlockSize)
        }
      }
    }
    self.codes = codes
    self.absmax = absmax
    offset = mean
  }
}
