/// y (+)= x · W where rows of W are short, one text for both sets. Who includes it, after the target pragma, says what LANES are and how they
/// are loaded, also from float16, stored, filled with one number of memory, multiplied and added (LOAD, LOAD_HALF, STORE, FILL, FMA, ZERO), and
/// of how many rows of x the sums of four vectors fit the registers (MOST, 3 or 4).
#ifndef QP_NARROW_COLUMNS_H
#define QP_NARROW_COLUMNS_H

#include "x86/narrow_rows.h"

#define INLINE __attribute__((always_inline)) static inline
enum { WIDTH = sizeof(LANES) / sizeof(float), UNIT = 16 };

// `is_half`, `n` and `vectors`, of columns, are constants of each call.
INLINE void some_columns(float *y, size_t ldy, const float *x, size_t ldx, const void *w, const int is_half, size_t step, size_t rows,
                         const size_t vectors, const size_t n, int accumulate) {
  LANES sum[MOST][4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++)
    for (size_t i = 0; i < vectors; i++) sum[t][i] = accumulate ? LOAD(y + t * ldy + WIDTH * i) : ZERO();
  for (size_t r = 0; r < rows; r++, w = qp_number(w, step, is_half)) {
    qp_ask_for_rows(w, step, 1, WIDTH * vectors, is_half);
    LANES factor[MOST];
#pragma clang loop unroll(full)
    for (size_t t = 0; t < n; t++) factor[t] = FILL(x + t * ldx + r);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < vectors; i++) {
      const void *at = qp_number(w, WIDTH * i, is_half);
      LANES v = is_half ? LOAD_HALF(at) : LOAD(at);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) sum[t][i] = FMA(v, factor[t], sum[t][i]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++)
    for (size_t i = 0; i < vectors; i++) STORE(y + t * ldy + WIDTH * i, sum[t][i]);
}

INLINE void all_columns(float *y, size_t ldy, const float *x, size_t ldx, const void *w, const int is_half, size_t step, size_t rows,
                        size_t columns, const size_t n, int accumulate) {
  size_t c = 0;
  for (; c + 4 * WIDTH <= columns; c += 4 * WIDTH)
    some_columns(y + c, ldy, x, ldx, qp_number(w, c, is_half), is_half, step, rows, 4, n, accumulate);
  for (; c < columns; c += UNIT)
    some_columns(y + c, ldy, x, ldx, qp_number(w, c, is_half), is_half, step, rows, UNIT / WIDTH, n, accumulate);
}

INLINE void narrow_columns(float *y, size_t ldy, const float *x, size_t ldx, const void *w, const int is_half, size_t step, size_t rows,
                           size_t columns, size_t n, int accumulate) {
  for (size_t t = 0; t < n; t += MOST, x += MOST * ldx, y += MOST * ldy)
    switch (n - t) {
      case 1: all_columns(y, ldy, x, ldx, w, is_half, step, rows, columns, 1, accumulate); break;
      case 2: all_columns(y, ldy, x, ldx, w, is_half, step, rows, columns, 2, accumulate); break;
      case 3: all_columns(y, ldy, x, ldx, w, is_half, step, rows, columns, 3, accumulate); break;
      default: all_columns(y, ldy, x, ldx, w, is_half, step, rows, columns, MOST, accumulate); break;
    }
}

#endif
