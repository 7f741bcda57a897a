internal import QPEFTKernels

extension Tensor {
  /// `self += op(a) · op(b)`, or `=` unless `accumulate`; all of two dimensions.
  public mutating func addProduct(
    _ a: Tensor, transposeA: Bool = false, _ b: Tensor, transposeB: Bool = false, accumulate: Bool = true
  ) {
    let (m, k) = transposeA ? (a.shape.columns, a.shape.rows) : (a.shape.rows, a.shape.columns)
    let (inner, n) = transposeB ? (b.shape.columns, b.shape.rows) : (b.shape.rows, b.shape.columns)
    precondition(
      k == inner && shape.rows == m && shape.columns == n,
      "\(shape) cannot hold op(\(a.shape)) · op(\(b.shape))")
    WorkMeter.current?.add(.dense(m: m, n: n, k: k, transposesA: transposeA, transposesB: transposeB))
    withMutableElements { c in
      a.withElements { a in
        b.withElements { b in
          Kernels.gemm(
            c, a, transposeA: transposeA, b, transposeB: transposeB, m: m, n: n, k: k, accumulate: accumulate)
        }
      }
    }
  }

  /// `self[n, k] · bᵀ` with `b` `[m, k]`, as a new tensor `[n, m]`.
  public func timesTransposed(_ b: Tensor) -> Tensor {
    var y = Tensor(uninitialized: [shape.rows, b.shape.rows])
    y.addProduct(self, b, transposeB: true, accumulate: false)
    return y
  }

  /// `self[n, k] · b` with `b` `[k, m]`, as a new tensor `[n, m]`.
  public func times(_ b: Tensor) -> Tensor {
    var y = Tensor(uninitialized: [shape.rows, b.shape.columns])
    y.addProduct(self, b, accumulate: false)
    return y
  }

  /// Adds `row` to every innermost row.
  public mutating func addToRows(_ row: Tensor) {
    precondition(row.count == shape.columns, "a row of \(row.count) for \(shape)")
    withMutableElements { y in row.withElements { Kernels.addRow(y, $0) } }
  }
}
