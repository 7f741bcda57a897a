import QPEFTKernels
import QPEFTQuantization
import QPEFTTensor
import Testing

@Suite("Matrices of 4-bit codes") struct Quantized4BitMatrixTests {
  private func weights(_ rows: Int, _ columns: Int) -> Tensor {
    Tensor.uniform([rows, columns], low: -0.2, high: 0.2, key: RandomKey(seed: 11, step: 0, site: 0))
  }

  @Test(
    "every block decodes to within half the widest gap of levels times its scale",
    arguments: QuantizationScheme.Format.allCases, [32, 64, 4096])
  func error(_ format: QuantizationScheme.Format, _ block: Int) throws {
    let weights = weights(24, 56)
    let scheme = QuantizationScheme(format: format, blockSize: block, quantizesScales: false)
    let decoded = try Quantized4BitMatrix(quantizing: weights, scheme).decoded().elements
    let numbers = weights.elements
    let levels = Kernels.levels(format == .nf4 ? .nf4 : .fp4).sorted()
    let gap = try #require(zip(levels, levels.dropFirst()).map { $1 - $0 }.max()) / 2
    for start in stride(from: 0, to: numbers.count, by: block) {
      let range = start..<min(start + block, numbers.count)
      let scale = try #require(numbers[range].map(abs).max())
      for index in range { #expect(abs(decoded[index] - numbers[index]) <= gap * scale * 1.000_001) }
    }
  }

  @Test("products are those of the decoded matrix", arguments: [true, false])
  func products(_ nested: Bool) throws {
    let matrix = try Quantized4BitMatrix(
      quantizing: weights(40, 96), QuantizationScheme(quantizesScales: nested))
    let dense = DenseMatrix(matrix.decoded())
    let x = Tensor.uniform([5, 96], low: -1, high: 1, key: RandomKey(seed: 3, step: 0, site: 0))
    for (a, b) in zip(matrix.multiply(x).elements, dense.multiply(x).elements) { #expect(abs(a - b) < 96 * 0.2 * 1e-6) }
    let dy = Tensor.uniform([5, 40], low: -1, high: 1, key: RandomKey(seed: 4, step: 0, site: 0))
    for (a, b) in zip(matrix.multiplyTransposed(dy).elements, dense.multiplyTransposed(dy).elements) {
      #expect(abs(a - b) < 40 * 0.2 * 1e-6)
    }
    #expect(matrix.storageName == "nf4" && matrix.rows == 40 && matrix.columns == 96)
  }

  @Test func `bytes are those of codes and scales`() {
    #expect(QuantizationScheme(quantizesScales: false).byteCount(4096) == 2048 + 64 * 4)
    #expect(QuantizationScheme().byteCount(64 * 257) == 32 * 257 + 257 + 2 * 4)
    #expect(QuantizationScheme().byteCount(63) == 32 + 1 + 4)
  }

  @Test func `a block size that bitsandbytes does not know is refused`() {
    for size in [0, 16, 48, 63, 8192, -64] {
      #expect(throws: QuantizationError.blockSize(size)) {
        try Quantized4BitMatrix(quantizing: weights(4, 64), QuantizationScheme(blockSize: size))
      }
    }
  }
}
