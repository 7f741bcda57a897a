/// AVX-512: the 12 x 32 tile of 24 sums, with whatever FMA adds to a sum: of numbers of 32 bits, or of pairs of halves. Include after the target
/// pragma.
#ifndef QP_TILE_AVX512_H
#define QP_TILE_AVX512_H

enum { MR = QP_AVX512_MR, NR = QP_AVX512_NR, MOST_ROWS = 2 * MR, LAST = 48, PANEL_AHEAD = 8 };
#define LANES __m512
#define LOAD _mm512_loadu_ps
#define FILL(x) _mm512_set1_ps(*(x))
#define ZERO _mm512_setzero_ps

#include "x86/lanes_avx512.h"
#include "x86/tile_sums.h"

INLINE void tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step, size_t kc,
                 size_t n, int accumulate, const tile_shape shape) {
  __m512 sum[MOST_ROWS][2];
  tile_sums(sum, c, ldc, a, row_step, k_step, b, b_step, kc, n, shape);
  __mmask16 m0 = qp_mask_of(n), m1 = n > 16 ? qp_mask_of(n - 16) : 0;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < shape.rows; i++) {
    float *row = c + i * ldc;
    if (accumulate) {
      sum[i][0] = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, row), sum[i][0]);
      if (shape.vectors == 2) sum[i][1] = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, row + 16), sum[i][1]);
    }
    _mm512_mask_storeu_ps(row, m0, sum[i][0]);
    if (shape.vectors == 2) _mm512_mask_storeu_ps(row + 16, m1, sum[i][1]);
  }
}

#define ROWS(M)                                                                                      \
  case M:                                                                                            \
    tile(c, ldc, a, row_step, k_step, b, NR, kc, n, accumulate, (tile_shape){M, 2, 1, PANEL_AHEAD}); \
    break;

/// c[m, n] (+)= A · panel, as `gemm_tile` of kernel_set.h.
INLINE void any_tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc, size_t m,
                     size_t n, int accumulate) {
  if (m == MR && k_step == 1) {
    tile(c, ldc, a, row_step, 1, b, NR, kc, n, accumulate, (tile_shape){MR, 2, 4, PANEL_AHEAD});
    return;
  }
  switch (m) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
  }
}

#endif
