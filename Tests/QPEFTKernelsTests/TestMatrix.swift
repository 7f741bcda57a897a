import QPEFTKernels
import Testing

/// A frozen matrix in every storage, with its numbers as a plain reading of the format gives them.
final class TestMatrix: CustomTestStringConvertible {
  enum Storage: String, CaseIterable, Sendable { case f32, f16, bf16, nf4, fp4Wide, nested }

  let view: MatrixView
  let dense: [Float]
  let rows: Int
  let columns: Int
  let testDescription: String
  /// Of 4-bit matrices: numbers that share a scale, and the scales.
  let block: Int
  let scales: [Float]
  private let memory: [UnsafeMutableRawBufferPointer]

  init(_ storage: Storage, rows: Int, columns: Int, block: Int? = nil, seed: Int = 1) {
    var random = Random(seed)
    let count = rows * columns
    self.rows = rows
    self.columns = columns
    testDescription = "\(storage.rawValue) \(rows)x\(columns)"
    let block = block ?? (storage == .fp4Wide ? 4096 : 64)
    self.block = block
    switch storage {
    case .f32:
      dense = random.floats(count)
      scales = []
      memory = [Self.copy(dense)]
      view = MatrixView(dense: .init(memory[0]), storage: .f32, rows: rows, columns: columns)
    case .bf16:
      let halves = random.floats(count).map { UInt16($0.bitPattern >> 16) }
      dense = halves.map { Float(bitPattern: UInt32($0) << 16) }
      scales = []
      memory = [Self.copy(halves)]
      view = MatrixView(dense: .init(memory[0]), storage: .bf16, rows: rows, columns: columns)
    case .f16:
      // Signs, mantissas and exponents of numbers below 2, some of them denormal.
      let halves = (0..<count).map { _ in UInt16(truncatingIfNeeded: random.next()) & 0xBFFF }
      dense = halves.map(Self.number(half:))
      scales = []
      memory = [Self.copy(halves)]
      view = MatrixView(dense: .init(memory[0]), storage: .f16, rows: rows, columns: columns)
    case .nf4, .fp4Wide, .nested:
      let levels = Kernels.levels(storage == .fp4Wide ? .fp4 : .nf4)
      let codes = (0..<(count + 1) / 2).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let blocks = MatrixView.blocks(count, block)
      if storage == .nested {
        let map = Kernels.dynamicMap
        let scaleCodes = (0..<blocks).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let outer = random.floats(MatrixView.blocks(blocks, 256))
        let offset: Float = 0.0437
        scales = (0..<blocks).map { b in
          let scaled: Float = map[Int(scaleCodes[b])] * outer[b / 256]
          return scaled + offset
        }
        memory = [
          Self.copy(codes), Self.copy(levels), Self.copy(scaleCodes), Self.copy(map), Self.copy(outer),
        ]
        view = MatrixView(
          codes: .init(memory[0]), levels: .init(memory[1].bindMemory(to: Float.self)),
          absmaxCodes: .init(memory[2].bindMemory(to: UInt8.self)),
          nestedMap: .init(memory[3].bindMemory(to: Float.self)),
          nestedAbsmax: .init(memory[4].bindMemory(to: Float.self)), nestedBlock: 256, offset: offset, block: block,
          rows: rows, columns: columns)
      } else {
        scales = random.floats(blocks)
        memory = [Self.copy(codes), Self.copy(levels), Self.copy(scales)]
        view = MatrixView(
          codes: .init(memory[0]), levels: .init(memory[1].bindMemory(to: Float.self)),
          absmax: .init(memory[2].bindMemory(to: Float.self)), block: block, rows: rows, columns: columns)
      }
      dense = (0..<count).map { [scales] i in
        levels[Int(i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15)] * scales[i / block]
      }
    }
  }

  deinit { for buffer in memory { buffer.deallocate() } }

  private static func copy<Element>(_ values: [Element]) -> UnsafeMutableRawBufferPointer {
    values.withUnsafeBytes { source in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 64)
      buffer.copyMemory(from: source)
      return buffer
    }
  }

  static func number(half: UInt16) -> Float {
    let exponent = Int(half >> 10 & 31)
    let fraction = Float(half & 1023) / 1024
    let size =
      exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    return half & 0x8000 == 0 ? size : -size
  }

  /// `x · Wᵀ` in double, and the sum of absolute products for the error bound.
  func product(_ x: [Float], n: Int) -> (value: [Double], size: [Double]) {
    reduce(n: n, outputs: rows, depth: columns) { i, o, k in Double(x[i * columns + k]) * Double(dense[o * columns + k])
    }
  }

  /// `dy · W` in double, likewise.
  func productTransposed(_ dy: [Float], n: Int) -> (value: [Double], size: [Double]) {
    reduce(n: n, outputs: columns, depth: rows) { i, o, k in Double(dy[i * rows + k]) * Double(dense[k * columns + o]) }
  }

  /// Σ over runs of 64 columns of max|x| · Σ|w| + scale · max|level| · Σ|x|: what rounding x and levels to whole numbers may cost,
  /// times 1 / 32766. The largest level of every code is 1, so scale · max|level| is at most the largest scale of the matrix.
  func fixedPointRounding(_ x: [Float]) -> [Double] {
    (0..<rows).map { row in
      stride(from: 0, to: columns, by: 64).reduce(0.0) { sum, k in
        let most = x[k..<k + 64].reduce(0) { max($0, abs($1)) }
        let weights = dense[row * columns + k..<row * columns + k + 64].reduce(0.0) { $0 + Double(abs($1)) }
        let size = x[k..<k + 64].reduce(0.0) { $0 + Double(abs($1)) }
        return sum + Double(most) * weights + Double(abs(scales[(row * columns + k) / block])) * size
      }
    }
  }

  private func reduce(
    n: Int, outputs: Int, depth: Int, _ term: (Int, Int, Int) -> Double
  ) -> (value: [Double], size: [Double]) {
    var value = [Double](repeating: 0, count: n * outputs)
    var size = value
    for i in 0..<n {
      for o in 0..<outputs {
        var sum = 0.0
        var sizes = 0.0
        for k in 0..<depth {
          let t = term(i, o, k)
          sum += t
          sizes += abs(t)
        }
        value[i * outputs + o] = sum
        size[i * outputs + o] = sizes
      }
    }
    return (value, size)
  }
}
