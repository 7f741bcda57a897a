internal import CQPKernels

extension Kernels {
  /// `y[i, :] = x[i, :] · scale + shift`, column by column; `y` may be `x`.
  package static func scaleColumns(_ y: Output, _ x: Input, by scale: Input, shift: Input? = nil) {
    guard scale.count > 0 else { return }
    precondition(x.count % scale.count == 0, "scaleColumns: \(x.count) elements in rows of \(scale.count)")
    check("scaleColumns y", y.count, x.count)
    if let shift { check("scaleColumns shift", shift.count, scale.count) }
    qp_scale_columns(
      y.baseAddress, x.baseAddress, scale.baseAddress, shift?.baseAddress, x.count / scale.count, scale.count)
  }

  /// `sums[j] += Σ a[i, j] · b[i, j]`.
  package static func columnDots(_ sums: Output, _ a: Input, _ b: Input) {
    guard sums.count > 0 else { return }
    precondition(a.count % sums.count == 0, "columnDots: \(a.count) elements in rows of \(sums.count)")
    check("columnDots b", b.count, a.count)
    qp_column_dots(sums.baseAddress, a.baseAddress, b.baseAddress, a.count / sums.count, sums.count)
  }

  /// `norms[i] = √Σ x[i, j]²`.
  package static func rowNorms(_ norms: Output, _ x: Input) {
    guard norms.count > 0 else { return }
    precondition(x.count % norms.count == 0, "rowNorms: \(x.count) elements in \(norms.count) rows")
    qp_row_norms(norms.baseAddress, x.baseAddress, norms.count, x.count / norms.count)
  }
}
