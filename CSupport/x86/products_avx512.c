/// AVX-512: the 12 x 32 tile product and packers. 24 sums, two loads of weights and twelve broadcasts a step.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)

enum { MR = QP_AVX512_MR, NR = QP_AVX512_NR, LAST = 16, PANEL_AHEAD = 8 };
#define LANES __m512
#define LOAD _mm512_loadu_ps
#define FILL(x) _mm512_set1_ps(*(x))
#define FMA _mm512_fmadd_ps
#define ZERO _mm512_setzero_ps

#include "x86/tile_sums.h"
#include "x86/transpose_avx512.h"

static inline __mmask16 mask_of(size_t count) { return (__mmask16)(count >= 16 ? 0xffff : (1u << count) - 1); }

// `rows` and `together` are constants of each call.
__attribute__((always_inline)) static inline void tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step,
                                                       const size_t together, const float *b, size_t kc, const size_t rows,
                                                       size_t n, int accumulate) {
  __m512 sum[MR][2];
  tile_sums(sum, c, ldc, a, row_step, k_step, together, b, kc, rows, n);
  __mmask16 m0 = mask_of(n), m1 = n > 16 ? mask_of(n - 16) : 0;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    float *row = c + i * ldc;
    if (accumulate) {
      sum[i][0] = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, row), sum[i][0]);
      sum[i][1] = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, row + 16), sum[i][1]);
    }
    _mm512_mask_storeu_ps(row, m0, sum[i][0]);
    _mm512_mask_storeu_ps(row + 16, m1, sum[i][1]);
  }
}

#define ROWS(M) \
  case M: tile(c, ldc, a, row_step, k_step, 1, b, kc, M, n, accumulate); break;

void qp_gemm_tile_avx512(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                         size_t m, size_t n, int accumulate) {
  if (m == MR && k_step == 1) {
    tile(c, ldc, a, row_step, 1, 4, b, kc, MR, n, accumulate);
    return;
  }
  switch (m) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
  }
}

void qp_pack_transposed_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  for (size_t i = 0; i < NR; i += 16) {
    size_t lines = i >= valid ? 0 : valid - i < 16 ? valid - i : 16;
    for (size_t k = 0; k < kc; k += 16) {
      size_t depth = kc - k < 16 ? kc - k : 16;
      __mmask16 mask = mask_of(depth);
      __m512 r[16];
      for (size_t j = 0; j < 16; j++)
        r[j] = j < lines ? _mm512_maskz_loadu_ps(mask, src + (i + j) * ld + k) : _mm512_setzero_ps();
      qp_transpose16_avx512(r);
      for (size_t j = 0; j < depth; j++) _mm512_storeu_ps(dst + (k + j) * NR + i, r[j]);
    }
  }
}

void qp_pack_straight_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  __mmask16 low = mask_of(valid), high = valid > 16 ? mask_of(valid - 16) : 0;
  for (size_t k = 0; k < kc; k++) {
    _mm512_storeu_ps(dst + k * NR, _mm512_maskz_loadu_ps(low, src + k * ld));
    _mm512_storeu_ps(dst + k * NR + 16, _mm512_maskz_loadu_ps(high, src + k * ld + 16));
  }
}

#pragma clang attribute pop
#endif
