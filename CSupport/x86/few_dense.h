/// Dense matrices with few tokens, row by row. For both sets; include after the target pragma and dense_row, for which `storage` and `n`
/// are constants of each call.
#ifndef QP_FEW_DENSE_H
#define QP_FEW_DENSE_H

#define DENSE(N)                                                                               \
  case N:                                                                                      \
    for (; row < end; row++) dense_row(y, ldy, x, w, storage, row, N, accumulate);             \
    break;

__attribute__((always_inline)) static inline void dense_rows(float *y, size_t ldy, const float *x, const qp_matrix *w,
                                                             const qp_storage storage, size_t row, size_t end, size_t n,
                                                             int accumulate) {
  switch (n) { DENSE(1) DENSE(2) DENSE(3) DENSE(4) }
}

/// Whether W is dense, and then y[row ..< row + rows] are done.
static inline int qp_few_dense(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                               int accumulate) {
  switch (w->storage) {
    case QP_F32: dense_rows(y, ldy, x, w, QP_F32, row, row + rows, n, accumulate); return 1;
    case QP_F16: dense_rows(y, ldy, x, w, QP_F16, row, row + rows, n, accumulate); return 1;
    case QP_BF16: dense_rows(y, ldy, x, w, QP_BF16, row, row + rows, n, accumulate); return 1;
    default: return 0;
  }
}

#endif
