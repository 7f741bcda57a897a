internal import QPEFTKernels
internal import QPEFTTensor

/// Numbers as a GGUF file stores them, and back.
enum GGUFEncoder {
  /// The bytes of finite numbers that are whole blocks.
  static func encode(_ numbers: UnsafeBufferPointer<Float>, _ type: GGUFType) -> [UInt8] {
    let byteCount = numbers.count / type.blockCount * type.blockBytes
    return [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initialized in
      let raw = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(bytes)[..<byteCount])
      if let format = type.format {
        Kernels.encode(raw, numbers, format: format)
      } else {
        for (index, number) in numbers.enumerated() {
          switch type {
          case .f16: raw.storeBytes(of: HalfFloat.half(number).littleEndian, toByteOffset: 2 * index, as: UInt16.self)
          case .bf16:
            raw.storeBytes(of: HalfFloat.bfloat(number).littleEndian, toByteOffset: 2 * index, as: UInt16.self)
          default: raw.storeBytes(of: number.bitPattern.littleEndian, toByteOffset: 4 * index, as: UInt32.self)
          }
        }
      }
      initialized = byteCount
    }
  }

  /// `count` numbers from their bytes.
  static func decode(_ bytes: [UInt8], _ type: GGUFType, count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { numbers, initialized in
      bytes.withUnsafeBytes { bytes in
        let view =
          type.format.map { MatrixView(blocks: bytes, format: $0, rows: 1, columns: count) }
          ?? MatrixView(dense: bytes, storage: type.elementType?.storage ?? .f32, rows: 1, columns: count)
        Kernels.decode(UnsafeMutableBufferPointer(rebasing: numbers[..<count]), view, first: 0)
      }
      initialized = count
    }
  }
}
