internal import QPEFTKernels

/// A frozen matrix of one number, stored in any way: kernels take as long with it as with any other.
final class BlankMatrix: Sendable {
  let view: MatrixView
  private let owners: [any AnyObject & Sendable]

  /// A matrix in the storage of that name; one that is not known counts as 16 bits.
  init(storage: String, rows: Int, columns: Int) {
    let count = rows * columns
    func blank(_ byteCount: Int) -> Scratch {
      let memory = Scratch(byteCount, isMapped: true)
      memory.bytes.initializeMemory(as: UInt8.self, repeating: 0)
      return memory
    }
    if let kind = ["nf4": FourBitKind.nf4, "fp4": .fp4][storage] {
      let block = 64
      let codes = blank((count + 1) / 2)
      let (levels, scales) = (Numbers(16), DoubleScales(blocks: Numbers(MatrixView.blocks(count, block))))
      _ = levels.buffer.update(fromContentsOf: Kernels.levels(kind))
      view = scales.view(codes: .init(codes.bytes), levels: levels.input, block: block, rows: rows, columns: columns)
      owners = [codes, levels, scales]
    } else if let format = BlockFormat.allCases.first(where: { "\($0)" == storage }), columns % format.count == 0 {
      let blocks = blank(count / format.count * format.byteCount)
      view = MatrixView(blocks: .init(blocks.bytes), format: format, rows: rows, columns: columns)
      owners = [blocks]
    } else {
      let type = ["f32": MatrixStorage.f32, "f16": .f16][storage] ?? .bf16
      let numbers = blank(count * type.byteWidth)
      view = MatrixView(dense: .init(numbers.bytes), storage: type, rows: rows, columns: columns)
      owners = [numbers]
    }
  }
}
