/// The two leaves over short rows of floats or float16, of a set that wrote narrow_rows and narrow_columns for an `is_half` that is a
/// constant of each call: QP_NARROW_LEAVES(avx2) after them, under the same target pragma.
#ifndef QP_NARROW_H
#define QP_NARROW_H

#define QP_NARROW_LEAVES(set)                                                                                              \
  void qp_narrow_rows_##set(float *y, size_t ldy, const float *x, const void *w, int is_half, size_t step, size_t rows,    \
                            size_t columns, size_t n, int accumulate) {                                                    \
    is_half ? narrow_rows(y, ldy, x, w, 1, step, rows, columns, n, accumulate)                                             \
            : narrow_rows(y, ldy, x, w, 0, step, rows, columns, n, accumulate);                                            \
  }                                                                                                                        \
  void qp_narrow_columns_##set(float *y, size_t ldy, const float *x, size_t ldx, const void *w, int is_half, size_t step,  \
                               size_t rows, size_t columns, size_t n, int accumulate) {                                    \
    is_half ? narrow_columns(y, ldy, x, ldx, w, 1, step, rows, columns, n, accumulate)                                     \
            : narrow_columns(y, ldy, x, ldx, w, 0, step, rows, columns, n, accumulate);                                    \
  }

#endif
