internal import CQPKernels

/// How the numbers of a frozen matrix are stored.
package enum MatrixStorage: Sendable {
  case f32, f16, bf16

  var code: qp_storage {
    switch self {
    case .f32: QP_F32
    case .f16: QP_F16
    case .bf16: QP_BF16
    }
  }

  package var byteWidth: Int { self == .f32 ? 4 : 2 }
}

/// The two 4-bit codes of bitsandbytes.
package enum FourBitKind: Sendable {
  case nf4, fp4

  var code: qp_q4_kind { self == .nf4 ? QP_NF4 : QP_FP4 }
}

/// A frozen matrix as the kernels see it: pointers into memory that somebody else keeps alive and never writes.
///
/// `@unchecked Sendable`: the memory behind the pointers is immutable for the life of the view's owner.
public struct MatrixView: @unchecked Sendable {
  let matrix: qp_matrix

  /// Output features.
  public var rows: Int { matrix.rows }
  /// Input features.
  public var columns: Int { matrix.columns }

  /// Where the stored numbers or codes begin.
  package var valuesAddress: UnsafeRawPointer? { matrix.values }

  /// Dense values, row-major. The buffer holds at least `rows * columns` numbers, aligned to one number.
  package init(dense values: UnsafeRawBufferPointer, storage: MatrixStorage, rows: Int, columns: Int) {
    precondition(
      values.count >= rows * columns * storage.byteWidth, "values hold fewer than \(rows)x\(columns) numbers")
    var matrix = qp_matrix()
    matrix.storage = storage.code
    matrix.rows = rows
    matrix.columns = columns
    matrix.values = values.baseAddress
    self.matrix = matrix
  }

  /// 4-bit codes with one float scale for every `block` elements of the flattened matrix.
  package init(
    codes: UnsafeRawBufferPointer, levels: UnsafeBufferPointer<Float>, absmax: UnsafeBufferPointer<Float>, block: Int,
    rows: Int, columns: Int
  ) {
    self.init(codes: codes, levels: levels, block: block, rows: rows, columns: columns)
    precondition(absmax.count >= Self.blocks(rows * columns, block), "too few scales")
    var matrix = self.matrix
    matrix.absmax = absmax.baseAddress
    self.init(matrix: matrix)
  }

  /// 4-bit codes with double-quantized scales: `map[codes[b]] * nestedAbsmax[b / nestedBlock] + offset`.
  package init(
    codes: UnsafeRawBufferPointer, levels: UnsafeBufferPointer<Float>, absmaxCodes: UnsafeBufferPointer<UInt8>,
    nestedMap: UnsafeBufferPointer<Float>, nestedAbsmax: UnsafeBufferPointer<Float>, nestedBlock: Int, offset: Float,
    block: Int, rows: Int, columns: Int
  ) {
    self.init(codes: codes, levels: levels, block: block, rows: rows, columns: columns)
    let blocks = Self.blocks(rows * columns, block)
    precondition(absmaxCodes.count >= blocks && nestedMap.count >= 256 && nestedBlock > 0, "too few scales")
    precondition(nestedAbsmax.count >= Self.blocks(blocks, nestedBlock), "too few nested scales")
    var matrix = self.matrix
    matrix.absmax_codes = absmaxCodes.baseAddress
    matrix.nested_map = nestedMap.baseAddress
    matrix.nested_absmax = nestedAbsmax.baseAddress
    matrix.nested_block = nestedBlock
    matrix.nested_offset = offset
    self.init(matrix: matrix)
  }

  /// Where numbers, codes and scales lie; tables of a few hundred bytes are left out.
  package var regions: [UnsafeRawBufferPointer] {
    let count = rows * columns
    guard matrix.storage == QP_Q4 else {
      let block = qp_block_of(matrix.storage)
      return [UnsafeRawBufferPointer(start: matrix.values, count: count / block.count * block.bytes)]
    }
    let blocks = Self.blocks(count, matrix.block)
    let codes = UnsafeRawBufferPointer(start: matrix.values, count: (count + 1) / 2)
    if let absmax = matrix.absmax { return [codes, UnsafeRawBufferPointer(start: absmax, count: 4 * blocks)] }
    return [
      codes, UnsafeRawBufferPointer(start: matrix.absmax_codes, count: blocks),
      UnsafeRawBufferPointer(start: matrix.nested_absmax, count: 4 * Self.blocks(blocks, matrix.nested_block)),
    ]
  }

  init(matrix: qp_matrix) { self.matrix = matrix }

  private init(
    codes: UnsafeRawBufferPointer, levels: UnsafeBufferPointer<Float>, block: Int, rows: Int, columns: Int
  ) {
    precondition(codes.count >= (rows * columns + 1) / 2, "codes hold fewer than \(rows)x\(columns) numbers")
    precondition(levels.count >= 16, "16 levels needed")
    precondition(
      block >= 32 && block <= 4096 && block & (block - 1) == 0, "block \(block) is not a power of two in 32...4096")
    var matrix = qp_matrix()
    matrix.storage = QP_Q4
    matrix.rows = rows
    matrix.columns = columns
    matrix.values = codes.baseAddress
    matrix.levels = levels.baseAddress
    matrix.block = block
    self.matrix = matrix
  }

  /// Number of blocks of `block` elements that cover `count` elements.
  package static func blocks(_ count: Int, _ block: Int) -> Int { (count + block - 1) / block }
}
