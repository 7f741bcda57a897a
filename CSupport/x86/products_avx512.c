/// AVX-512: the 12 x 32 tile product and packers. 24 sums, two loads of weights and twelve broadcasts a step.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)

enum { MR = QP_AVX512_MR, NR = QP_AVX512_NR, MOST_ROWS = 2 * MR, LAST = 48, PANEL_AHEAD = 8, THIN_AHEAD = 32 };
#define LANES __m512
#define LOAD _mm512_loadu_ps
#define FILL(x) _mm512_set1_ps(*(x))
#define FMA _mm512_fmadd_ps
#define ZERO _mm512_setzero_ps

#include "x86/lanes_avx512.h"
#include "x86/tile_sums.h"
#include "x86/transpose_avx512.h"

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

void qp_gemm_tile_avx512(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                         size_t m, size_t n, int accumulate) {
  if (m == MR && k_step == 1) {
    tile(c, ldc, a, row_step, 1, b, NR, kc, n, accumulate, (tile_shape){MR, 2, 4, PANEL_AHEAD});
    return;
  }
  switch (m) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
  }
}

#define THIN(M)                                                                                            \
  for (; m >= M; m -= M, a += M * row_step, c += M * ldc)                                                  \
    if (k_step == 1)                                                                                       \
      tile(c, ldc, a, row_step, 1, b, b_step, kc, n, accumulate, (tile_shape){M, 1, 4, THIN_AHEAD});       \
    else                                                                                                   \
      tile(c, ldc, a, row_step, k_step, b, b_step, kc, n, accumulate, (tile_shape){M, 1, 1, THIN_AHEAD});

void qp_gemm_thin_avx512(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step,
                         size_t kc, size_t m, size_t n, int accumulate) {
  // Rows that lie some pages apart share a few lines of the nearest cache, which keeps eight of them at least.
  if (k_step > 1 || row_step % 512) { THIN(24) THIN(16) }
  THIN(8) THIN(4) THIN(3) THIN(2) THIN(1)
}

void qp_pack_transposed_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  for (size_t i = 0; i < NR; i += 16) {
    size_t lines = i >= valid ? 0 : valid - i < 16 ? valid - i : 16;
    for (size_t k = 0; k < kc; k += 16) {
      size_t depth = kc - k < 16 ? kc - k : 16;
      __mmask16 mask = qp_mask_of(depth);
      __m512 r[16];
      for (size_t j = 0; j < 16; j++)
        r[j] = j < lines ? _mm512_maskz_loadu_ps(mask, src + (i + j) * ld + k) : _mm512_setzero_ps();
      qp_transpose16_avx512(r);
      for (size_t j = 0; j < depth; j++) _mm512_storeu_ps(dst + (k + j) * NR + i, r[j]);
    }
  }
}

void qp_pack_straight_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  __mmask16 low = qp_mask_of(valid), high = valid > 16 ? qp_mask_of(valid - 16) : 0;
  for (size_t k = 0; k < kc; k++) {
    _mm512_storeu_ps(dst + k * NR, _mm512_maskz_loadu_ps(low, src + k * ld));
    _mm512_storeu_ps(dst + k * NR + 16, _mm512_maskz_loadu_ps(high, src + k * ld + 16));
  }
}

#pragma clang attribute pop
#endif
