internal import QPEFTKernels
internal import QPEFTQuantization
internal import QPEFTTensor

/// Quantizes one matrix chunk by chunk into a safetensors file. What stays in memory is a chunk and the block scales.
struct WeightQuantizer {
  let weight: SourceWeight
  let scheme: QuantizationScheme
  private var absmax: [Float] = []
  /// Of each block: sum of weight · level and of level², to know the error of any scale later.
  private var products: [Double] = []
  private var squares: [Double] = []
  private var norm = 0.0
  private let levels: [Float]

  init(_ weight: SourceWeight, _ scheme: QuantizationScheme) {
    self.weight = weight
    self.scheme = scheme
    levels = Kernels.levels(scheme.format.kind)
  }

  /// Writes codes, scales, maps and state; returns the relative error. `advance` hears of rows that are done.
  mutating func run(
    into writer: SafetensorsWriter, typeName: String, advance: (Range<Int>) throws -> Void
  ) throws -> Double {
    let block = scheme.blockSize
    // Chunks start at whole blocks: the smallest number of rows that is a whole number of blocks.
    let unit = block / Self.commonDivisor(block, weight.columns)
    let name = weight.name, columns = weight.columns
    try QuantizerPlan.forEachChunk(weight, unit: unit) { rows, numbers in
      let blocks = QuantizedBlocks(
        quantizing: UnsafeRawBufferPointer(numbers), type: .f32, count: numbers.count, scheme: scheme)
      measure(numbers, blocks)
      guard norm.isFinite, blocks.absmax.allSatisfy(\.isFinite) else { throw QuantizerError.notFinite(tensor: name) }
      absmax += blocks.absmax
      try blocks.codes.withUnsafeBytes { try writer.write(name, $0, at: rows.lowerBound * columns / 2) }
      try advance(rows)
    }
    return try writeScales(into: writer, typeName: typeName)
  }

  private mutating func measure(_ numbers: UnsafeMutableBufferPointer<Float>, _ blocks: QuantizedBlocks) {
    levels.withUnsafeBufferPointer { levels in
      blocks.codes.withUnsafeBufferPointer { codes in
        for index in blocks.absmax.indices {
          var product = 0.0, square = 0.0, own = 0.0
          for at in (index * scheme.blockSize)..<min((index + 1) * scheme.blockSize, numbers.count) {
            let code = at % 2 == 0 ? codes[at / 2] >> 4 : codes[at / 2] & 15
            let level = Double(levels[Int(code)]), number = Double(numbers[at])
            product += number * level
            square += level * level
            own += number * number
          }
          products.append(product)
          squares.append(square)
          norm += own
        }
      }
    }
  }

  private func writeScales(into writer: SafetensorsWriter, typeName: String) throws -> Double {
    let name = weight.name
    func write<Element>(_ suffix: String, _ values: [Element]) throws {
      try values.withUnsafeBytes { try writer.write(name + suffix, $0) }
    }
    try write(".quant_map", levels)
    var scales = absmax
    var offset: Float = 0
    if scheme.quantizesScales {
      let nested = NestedScales(quantizing: absmax)
      let map = Kernels.dynamicMap
      offset = nested.offset
      for index in scales.indices {
        let scale = map[Int(nested.codes[index])] * nested.absmax[index / QuantizationScheme.nestedBlockSize]
        scales[index] = scale + offset
      }
      try write(".absmax", nested.codes)
      try write(".nested_absmax", nested.absmax)
      try write(".nested_quant_map", map)
    } else {
      try write(".absmax", absmax)
    }
    let state = QuantState(scheme: scheme, typeName: typeName, shape: weight.shape, nestedOffset: offset)
    writer.writeLate(QuantState.key(name, scheme.format), Array(state.text.utf8))
    var error = norm
    for (index, scale) in scales.enumerated() {
      error += Double(scale) * (Double(scale) * squares[index] - 2 * products[index])
    }
    return norm > 0 ? (max(0, error) / norm).squareRoot() : 0
  }

  private static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }
}
