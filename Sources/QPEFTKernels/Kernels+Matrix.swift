internal import CQPKernels

/// The kernels: checked buffers in, results out. A wrong size is a programmer's error and traps with the sizes in the text.
///
/// One owner of the cores at a time: of calls that overlap in time, one has the other cores, the rest run on their own thread.
package enum Kernels {
  package typealias Input = UnsafeBufferPointer<Float>
  package typealias Output = UnsafeMutableBufferPointer<Float>
  /// Memory lent for the duration of a call, 64-byte aligned; nil: the call takes it from the general allocator.
  package typealias Scratch = UnsafeMutableRawBufferPointer?

  @inline(__always)
  static func check(_ name: StaticString, _ found: Int, _ expected: Int) {
    precondition(found == expected, "\(name): \(found) elements, expected \(expected)")
  }
}

extension Kernels {
  /// A term of low rank that is added to a product in the same pass over its result: `hidden[n, rank] · factor`, with `factor[rows, rank]`
  /// taken transposed in `multiply`, `[rank, columns]` in `multiplyTransposed`.
  package typealias LowRankTerm = (hidden: Input, factor: Input, rank: Int)

  /// `y[n, rows] = x[n, columns] · Wᵀ + term`, or `+=`. `inBFloat16`: x and W are rounded first, unless W is stored in float32.
  package static func multiply(
    _ y: Output, _ x: Input, _ w: MatrixView, n: Int, accumulate: Bool = false, inBFloat16: Bool = false,
    plus term: LowRankTerm? = nil, scratch: Scratch = nil
  ) {
    check("multiply y", y.count, n * w.rows)
    check("multiply x", x.count, n * w.columns)
    guard n > 0, let y = y.baseAddress else { return }
    withUnsafePointer(to: w.matrix) { matrix in
      withTerm(term, n: n, outputs: w.rows) { term in
        withScratch(scratch, qp_matmul_scratch_bytes(matrix, n)) {
          qp_matmul(y, x.baseAddress, matrix, n, accumulate ? 1 : 0, inBFloat16 ? 1 : 0, term, $0)
        }
      }
    }
  }

  /// `y[n, rows] = x[n, columns] · Wᵀ + term` for writing text: with one token and a 4-bit matrix in whole numbers of 15 bits, else
  /// as `multiply`.
  package static func multiplyFixedPoint(
    _ y: Output, _ x: Input, _ w: MatrixView, n: Int, plus term: LowRankTerm? = nil, scratch: Scratch = nil
  ) {
    check("multiplyFixedPoint y", y.count, n * w.rows)
    check("multiplyFixedPoint x", x.count, n * w.columns)
    guard n > 0, let y = y.baseAddress else { return }
    withUnsafePointer(to: w.matrix) { matrix in
      withTerm(term, n: n, outputs: w.rows) { term in
        withScratch(scratch, qp_matmul_scratch_bytes(matrix, n)) {
          qp_matmul_fixed(y, x.baseAddress, matrix, n, term, $0)
        }
      }
    }
  }

  /// `dx[n, columns] = dy[n, rows] · W + term`, or `+=`. `inBFloat16`: dy and W are rounded first, unless W is stored in float32.
  package static func multiplyTransposed(
    _ dx: Output, _ dy: Input, _ w: MatrixView, n: Int, accumulate: Bool = false, inBFloat16: Bool = false,
    plus term: LowRankTerm? = nil, scratch: Scratch = nil
  ) {
    check("multiplyTransposed dx", dx.count, n * w.columns)
    check("multiplyTransposed dy", dy.count, n * w.rows)
    guard n > 0, let dx = dx.baseAddress else { return }
    withUnsafePointer(to: w.matrix) { matrix in
      withTerm(term, n: n, outputs: w.columns) { term in
        withScratch(scratch, qp_matmul_transposed_scratch_bytes(matrix, n)) {
          qp_matmul_transposed(dx, dy.baseAddress, matrix, n, accumulate ? 1 : 0, inBFloat16 ? 1 : 0, term, $0)
        }
      }
    }
  }

  private static func withTerm(
    _ term: LowRankTerm?, n: Int, outputs: Int, _ body: (UnsafePointer<qp_low_rank>?) -> Void
  ) {
    guard let term, term.rank > 0 else { return body(nil) }
    check("term hidden", term.hidden.count, n * term.rank)
    check("term factor", term.factor.count, outputs * term.rank)
    withUnsafePointer(
      to: qp_low_rank(hidden: term.hidden.baseAddress, factor: term.factor.baseAddress, rank: term.rank), body)
  }

  /// Bytes of workspace that `multiply` and `multiplyTransposed` take for `n` rows; the larger of the two.
  package static func multiplyScratchBytes(_ w: MatrixView, n: Int) -> Int {
    withUnsafePointer(to: w.matrix) { max(qp_matmul_scratch_bytes($0, n), qp_matmul_transposed_scratch_bytes($0, n)) }
  }

  /// The same of a matrix of which the sizes are known.
  package static func multiplyScratchBytes(rows: Int, columns: Int, n: Int) -> Int {
    var matrix = qp_matrix()
    (matrix.rows, matrix.columns) = (rows, columns)
    return multiplyScratchBytes(MatrixView(matrix: matrix), n: n)
  }

  /// `y[i, :] = W[ids[i], :]`.
  package static func gatherRows(_ y: Output, _ w: MatrixView, ids: UnsafeBufferPointer<Int32>) {
    check("gatherRows y", y.count, ids.count * w.columns)
    precondition(ids.allSatisfy { $0 >= 0 && Int($0) < w.rows }, "gatherRows: a row index is outside 0..<\(w.rows)")
    guard ids.count > 0 else { return }
    withUnsafePointer(to: w.matrix) { qp_gather_rows(y.baseAddress, $0, ids.baseAddress, ids.count) }
  }

  /// `y[i]` = element `first + i` of the flattened matrix.
  package static func decode(_ y: Output, _ w: MatrixView, first: Int) {
    precondition(first >= 0 && first + y.count <= w.rows * w.columns, "decode: outside of the matrix")
    guard y.count > 0 else { return }
    withUnsafePointer(to: w.matrix) { qp_matrix_decode(y.baseAddress, $0, first, y.count) }
  }

  /// `C[m, n] = op(A) · op(B)`, or `+=`, row-major and contiguous; `op` transposes where asked.
  package static func gemm(
    _ c: Output, _ a: Input, transposeA: Bool = false, _ b: Input, transposeB: Bool = false, m: Int, n: Int, k: Int,
    accumulate: Bool = false
  ) {
    check("gemm a", a.count, m * k)
    check("gemm b", b.count, k * n)
    check("gemm c", c.count, m * n)
    guard m > 0, n > 0 else { return }
    qp_gemm(
      c.baseAddress, a.baseAddress, transposeA ? 1 : 0, b.baseAddress, transposeB ? 1 : 0, m, n, k, accumulate ? 1 : 0)
  }

  /// What kernels are compared with, for example `OpenBLAS 0.3.21, Haswell kernels`; nil: the system does not have it.
  package static var yardstick: String? {
    guard let name = qp_yardstick_name() else { return nil }
    let words = String(cString: name).split(separator: " ").prefix(2).joined(separator: " ")
    return words + (qp_yardstick_kernels().map { ", \(String(cString: $0)) kernels" } ?? "")
  }

  /// `C[m, n] = A · op(B)`, added to C where `accumulates`, by one call of OpenBLAS with threads of its own: what measurements
  /// compare kernels with. B is contiguous; `lda` and `ldc` numbers lie between the beginnings of rows of A and C (nil: k, n).
  package static func yardstickGemm(
    _ c: Output, ldc: Int? = nil, accumulates: Bool = false, _ a: Input, lda: Int? = nil, _ b: Input,
    transposeB: Bool = false, m: Int, n: Int, k: Int
  ) {
    guard m > 0, n > 0, k > 0 else { return }
    precondition(qp_yardstick_name() != nil, "OpenBLAS is not installed")
    let (lda, ldc) = (lda ?? k, ldc ?? n)
    precondition(
      a.count >= (m - 1) * lda + k && b.count >= k * n && c.count >= (m - 1) * ldc + n, "yardstickGemm: too few numbers"
    )
    qp_yardstick_sgemm(
      transposeB ? 1 : 0, m, n, k, a.baseAddress, lda, b.baseAddress, transposeB ? k : n, accumulates ? 1 : 0,
      c.baseAddress, ldc)
  }

  /// Runs the innermost product `rounds` times on every thread and returns its multiplications and additions.
  package static func tilePeak(rounds: Int) -> Double { qp_tile_peak(max(1, rounds)) }

  static func withScratch(_ scratch: Scratch, _ byteCount: Int, _ body: (UnsafeMutableRawPointer?) -> Void) {
    if let scratch {
      precondition(scratch.count >= byteCount, "scratch of \(scratch.count) bytes, \(byteCount) needed")
      return body(scratch.baseAddress)
    }
    withUnsafeTemporaryAllocation(byteCount: max(byteCount, 64), alignment: 64) { body($0.baseAddress) }
  }
}
