/// Decoding of ggml's block types to float32, each step rounded as ggml and the `gguf` package round it.
/// Layouts: ggml-common.h of llama.cpp.
enum GGUFDecoder {
  typealias Output = UnsafeMutablePointer<Float>
  typealias Input = UnsafePointer<UInt8>

  /// Decodes whole blocks: `y.count` numbers, a multiple of the type's block.
  static func decode(_ y: UnsafeMutableBufferPointer<Float>, _ bytes: UnsafeRawBufferPointer, type: GGUFType) {
    let blocks = y.count / type.blockCount
    precondition(y.count % type.blockCount == 0 && bytes.count >= blocks * type.blockBytes, "not whole blocks")
    guard blocks > 0, var output = y.baseAddress, var input = bytes.bindMemory(to: UInt8.self).baseAddress else {
      return
    }
    for _ in 0..<blocks {
      block(output, input, type)
      output += type.blockCount
      input += type.blockBytes
    }
  }

  @inline(__always)
  private static func block(_ y: Output, _ x: Input, _ type: GGUFType) {
    switch type {
    case .f32: y[0] = UnsafeRawPointer(x).loadUnaligned(as: Float.self)
    case .f16: y[0] = half(x)
    case .bf16: y[0] = HalfFloat.float(bfloat: UnsafeRawPointer(x).loadUnaligned(as: UInt16.self))
    case .q4_0: q4_0(y, x)
    case .q4_1: q4_1(y, x)
    case .q5_0: q5_0(y, x)
    case .q5_1: q5_1(y, x)
    case .q8_0: q8_0(y, x)
    case .q4_k: q4_k(y, x)
    case .q5_k: q5_k(y, x)
    case .q6_k: q6_k(y, x)
    }
  }

  private static func half(_ x: Input) -> Float {
    HalfFloat.float(half: UInt16(littleEndian: UnsafeRawPointer(x).loadUnaligned(as: UInt16.self)))
  }

  private static func q4_0(_ y: Output, _ x: Input) {
    let d = half(x)
    for i in 0..<16 {
      y[i] = d * Float(Int(x[2 + i] & 15) - 8)
      y[i + 16] = d * Float(Int(x[2 + i] >> 4) - 8)
    }
  }

  private static func q4_1(_ y: Output, _ x: Input) {
    let d = half(x), m = half(x + 2)
    for i in 0..<16 {
      y[i] = d * Float(x[4 + i] & 15) + m
      y[i + 16] = d * Float(x[4 + i] >> 4) + m
    }
  }

  private static func q5_0(_ y: Output, _ x: Input) {
    let d = half(x)
    let high = UInt32(littleEndian: UnsafeRawPointer(x + 2).loadUnaligned(as: UInt32.self))
    for i in 0..<16 {
      y[i] = d * Float(Int(UInt32(x[6 + i] & 15) | (high >> i & 1) << 4) - 16)
      y[i + 16] = d * Float(Int(UInt32(x[6 + i] >> 4) | (high >> (i + 16) & 1) << 4) - 16)
    }
  }

  private static func q5_1(_ y: Output, _ x: Input) {
    let d = half(x), m = half(x + 2)
    let high = UInt32(littleEndian: UnsafeRawPointer(x + 4).loadUnaligned(as: UInt32.self))
    for i in 0..<16 {
      y[i] = d * Float(UInt32(x[8 + i] & 15) | (high >> i & 1) << 4) + m
      y[i + 16] = d * Float(UInt32(x[8 + i] >> 4) | (high >> (i + 16) & 1) << 4) + m
    }
  }

  private static func q8_0(_ y: Output, _ x: Input) {
    let d = half(x)
    for i in 0..<32 { y[i] = d * Float(Int8(bitPattern: x[2 + i])) }
  }

  /// Scale and minimum `j` of eight, six bits each, packed in twelve bytes.
  private static func scaleAndMinimum(_ x: Input, _ j: Int) -> (Float, Float) {
    if j < 4 { return (Float(x[j] & 63), Float(x[j + 4] & 63)) }
    return (Float(x[j + 4] & 15 | (x[j - 4] >> 6) << 4), Float(x[j + 4] >> 4 | (x[j] >> 6) << 4))
  }

  private static func q4_k(_ y: Output, _ x: Input) {
    let d = half(x), dmin = half(x + 2)
    for j in 0..<8 {
      let (scale, minimum) = scaleAndMinimum(x + 4, j)
      let s = d * scale, m = dmin * minimum
      let codes = x + 16 + j / 2 * 32
      let shift = UInt8(j % 2 * 4)
      for i in 0..<32 { y[j * 32 + i] = s * Float(codes[i] >> shift & 15) - m }
    }
  }

  private static func q5_k(_ y: Output, _ x: Input) {
    let d = half(x), dmin = half(x + 2)
    for j in 0..<8 {
      let (scale, minimum) = scaleAndMinimum(x + 4, j)
      let s = d * scale, m = dmin * minimum
      let codes = x + 48 + j / 2 * 32
      let shift = UInt8(j % 2 * 4)
      for i in 0..<32 {
        let high = (x[16 + i] >> UInt8(j) & 1) << 4
        y[j * 32 + i] = s * Float(codes[i] >> shift & 15 | high) - m
      }
    }
  }

  private static func q6_k(_ y: Output, _ x: Input) {
    let d = half(x + 208)
    for part in 0..<8 {
      // Eight runs of 32: four of the first 128 numbers, four of the second.
      let low = x + part / 4 * 64 + part % 2 * 32
      let high = x + 128 + part / 4 * 32
      let lowShift = UInt8(part / 2 % 2 * 4), highShift = UInt8(part % 4 * 2)
      for i in 0..<32 {
        let scale = Float(Int8(bitPattern: x[192 + part * 2 + i / 16]))
        let code = Int(low[i] >> lowShift & 15 | (high[i] >> highShift & 3) << 4) - 32
        y[part * 32 + i] = (d * scale) * Float(code)
      }
    }
  }
}
