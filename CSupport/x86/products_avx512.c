/// AVX-512: the 12 x 32 tile product and packers. 24 sums, two loads of weights and twelve broadcasts a step.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)

#define FMA _mm512_fmadd_ps
#include "x86/tile_avx512.h"
#include "x86/transpose_avx512.h"

enum { THIN_AHEAD = 32 };

void qp_gemm_tile_avx512(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                         size_t m, size_t n, int accumulate) {
  any_tile(c, ldc, a, row_step, k_step, b, kc, m, n, accumulate);
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
    if (lines == 0) {  // half of every panel of a factor of rank 16
      for (size_t k = 0; k < kc; k++) _mm512_storeu_ps(dst + k * NR + i, _mm512_setzero_ps());
      continue;
    }
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
