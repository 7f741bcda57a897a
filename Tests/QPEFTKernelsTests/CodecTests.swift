import QPEFTKernels
import Testing

extension KernelTests {
  @Suite("Block codecs") struct CodecTests {
    @Test func `the code books are those that bitsandbytes writes, bit for bit`() throws {
      #expect(bits(Kernels.levels(.nf4)) == bits(try Fixture.floats("nf4-levels.f32")))
      #expect(bits(Kernels.levels(.fp4)) == bits(try Fixture.floats("fp4-levels.f32")))
      #expect(bits(Kernels.dynamicMap) == bits(try Fixture.floats("dynamic-map.f32")))
    }

    @Test(
      "4-bit codes and scales are those of bitsandbytes, bit for bit", arguments: KernelSet.supported,
      ["f32", "f16", "bf16"])
    func matchesBitsandbytes(set: String, type: String) throws {
      let storages = ["f32": MatrixStorage.f32, "f16": .f16, "bf16": .bf16]
      let storage = try #require(storages[type])
      let values = try Fixture.bytes("values.\(type)")
      let count = values.count / storage.byteWidth
      for (name, kind) in [("nf4", FourBitKind.nf4), ("fp4", .fp4)] {
        for block in [64, 256] {
          let (codes, absmax) = try with(set) { quantize(values, storage, count: count, block: block, kind: kind) }
          #expect(codes == (try Fixture.bytes("\(name)-\(block)-\(type).codes")), "\(name) \(block)")
          #expect(bits(absmax) == bits(try Fixture.floats("\(name)-\(block)-\(type).absmax")), "\(name) \(block)")
        }
      }
    }

    @Test(
      "8-bit codes of scales are those of bitsandbytes, its rounding to 65,536 bins included",
      arguments: KernelSet.supported)
    func dynamicMatchesBitsandbytes(set: String) throws {
      let scales = try Fixture.floats("scales.f32")
      let (codes, absmax) = try with(set) { quantizeDynamic(scales, block: 256) }
      #expect(codes == (try Fixture.bytes("scales.codes")))
      #expect(bits(absmax) == bits(try Fixture.floats("scales.absmax")))
    }

    @Test("every set gives the codes of the reference for odd counts and odd values", arguments: KernelSet.supported)
    func matchesReference(set: String) throws {
      for count in [1, 2, 3, 31, 32, 33, 65, 4097, 20_001] {
        var random = Random(count)
        var values = random.floats(count)
        // The edges of every code, a denormal, an infinity, not a number.
        for (i, level) in Kernels.levels(.nf4).enumerated() where i < count - 1 { values[i] = level }
        if count > 4000 {
          values[1000] = .infinity
          values[1100] = .nan
          values[1200] = 0x1p-137
          for i in 2048..<2112 { values[i] = 0x1p-137 }
        }
        let raw = values.withUnsafeBytes { [UInt8]($0) }
        for kind in [FourBitKind.nf4, .fp4] {
          let expected = try with("reference") { quantize(raw, .f32, count: count, block: 32, kind: kind) }
          let found = try with(set) { quantize(raw, .f32, count: count, block: 32, kind: kind) }
          #expect(found.codes == expected.codes, "\(count)")
          #expect(bits(found.absmax) == bits(expected.absmax), "\(count)")
        }
      }
    }

    @Test func `zeros survive quantization as zeros`() {
      let zeros = [UInt8](repeating: 0, count: 130 * 4)
      let (codes, absmax) = quantize(zeros, .f32, count: 130, block: 64, kind: .nf4)
      #expect(codes.allSatisfy { $0 == 0x77 })
      #expect(absmax[0] == 0 && absmax[1] == 0)
    }

    private func quantize(
      _ values: [UInt8], _ storage: MatrixStorage, count: Int, block: Int, kind: FourBitKind
    ) -> (codes: [UInt8], absmax: [Float]) {
      var codes = [UInt8](repeating: 0xAA, count: (count + 1) / 2)
      let absmax = filled(MatrixView.blocks(count, block)) { absmax in
        codes.withUnsafeMutableBufferPointer { codes in
          values.withUnsafeBytes {
            Kernels.quantize4Bit(
              codes: codes, absmax: absmax, values: $0, storage: storage, count: count, block: block, kind: kind)
          }
        }
      }
      return (codes, absmax)
    }

    private func quantizeDynamic(_ values: [Float], block: Int) -> (codes: [UInt8], absmax: [Float]) {
      var codes = [UInt8](repeating: 0xAA, count: values.count)
      let absmax = filled(MatrixView.blocks(values.count, block)) { absmax in
        codes.withUnsafeMutableBufferPointer { codes in
          values.withUnsafeBufferPointer {
            Kernels.quantizeDynamic8Bit(codes: codes, absmax: absmax, values: $0, block: block)
          }
        }
      }
      return (codes, absmax)
    }
  }
}
