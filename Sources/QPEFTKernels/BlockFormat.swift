internal import CQPKernels

/// ggml's block formats: runs of numbers with their scales between the codes, as GGUF files hold them.
package enum BlockFormat: CaseIterable, Sendable {
  case q4_0, q4_1, q5_0, q5_1, q8_0
  case q2_k, q3_k, q4_k, q5_k, q6_k
  case iq4_nl, iq4_xs, mxfp4

  var code: qp_storage {
    switch self {
    case .q4_0: QP_GGML_Q4_0
    case .q4_1: QP_GGML_Q4_1
    case .q5_0: QP_GGML_Q5_0
    case .q5_1: QP_GGML_Q5_1
    case .q8_0: QP_GGML_Q8_0
    case .q2_k: QP_GGML_Q2_K
    case .q3_k: QP_GGML_Q3_K
    case .q4_k: QP_GGML_Q4_K
    case .q5_k: QP_GGML_Q5_K
    case .q6_k: QP_GGML_Q6_K
    case .iq4_nl: QP_GGML_IQ4_NL
    case .iq4_xs: QP_GGML_IQ4_XS
    case .mxfp4: QP_GGML_MXFP4
    }
  }

  /// Numbers of a block.
  package var count: Int { qp_block_of(code).count }
  /// Bytes of a block.
  package var byteCount: Int { qp_block_of(code).bytes }
}

extension MatrixView {
  /// Blocks one after the other, row by row; `columns` is whole blocks. The bytes need no alignment.
  package init(blocks: UnsafeRawBufferPointer, format: BlockFormat, rows: Int, columns: Int) {
    precondition(columns % format.count == 0, "\(columns) columns are not whole blocks of \(format)")
    precondition(
      blocks.count >= rows * (columns / format.count) * format.byteCount, "blocks hold fewer than \(rows)x\(columns)")
    var matrix = qp_matrix()
    matrix.storage = format.code
    matrix.rows = rows
    matrix.columns = columns
    matrix.values = blocks.baseAddress
    self.init(matrix: matrix)
  }

  /// The same memory whose rows are stored as llama.cpp has those of q and k: in every head of `head` rows, row
  /// `half * (head / 2) + i` of the matrix is row `2 * i + half` there. Not for bitsandbytes' 4-bit codes.
  package func interleaved(head: Int) -> MatrixView {
    precondition(head > 0 && head % 2 == 0 && rows % head == 0, "\(rows) rows are not heads of \(head)")
    precondition(matrix.storage != QP_Q4, "rows of 4-bit codes stand in their order")
    var matrix = self.matrix
    matrix.interleaved_head = head
    return MatrixView(matrix: matrix)
  }
}
