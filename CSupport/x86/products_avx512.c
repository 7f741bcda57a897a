/// AVX-512: the 12 x 32 tile product and packers. 24 sums, two loads of weights and twelve broadcasts a step.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)

enum { MR = QP_AVX512_MR, NR = QP_AVX512_NR };

#include "x86/transpose_avx512.h"

static inline __mmask16 mask_of(size_t count) { return (__mmask16)(count >= 16 ? 0xffff : (1u << count) - 1); }

// ROWS is a constant of each call: every loop over it unrolls and the sums live in registers.
__attribute__((always_inline)) static inline void tile(float *c, size_t ldc, const float *a, const float *b, size_t kc,
                                                       const size_t rows, size_t m, size_t n, int accumulate) {
  __m512 sum[MR][2];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    if (i < m) _mm_prefetch((const char *)(c + i * ldc), _MM_HINT_T0), _mm_prefetch((const char *)(c + i * ldc + n - 1), _MM_HINT_T0);
  }
  for (size_t k = 0; k < kc; k++) {
    __m512 b0 = _mm512_loadu_ps(b + k * NR), b1 = _mm512_loadu_ps(b + k * NR + 16);
    _mm_prefetch((const char *)(b + k * NR + 8 * NR), _MM_HINT_T0);
    _mm_prefetch((const char *)(b + k * NR + 8 * NR + 16), _MM_HINT_T0);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
      __m512 x = _mm512_set1_ps(a[k * MR + i]);
      sum[i][0] = _mm512_fmadd_ps(x, b0, sum[i][0]);
      sum[i][1] = _mm512_fmadd_ps(x, b1, sum[i][1]);
    }
  }
  __mmask16 m0 = mask_of(n), m1 = n > 16 ? mask_of(n - 16) : 0;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++)
    if (i < m) {
      float *row = c + i * ldc;
      if (accumulate) {
        sum[i][0] = _mm512_add_ps(_mm512_maskz_loadu_ps(m0, row), sum[i][0]);
        sum[i][1] = _mm512_add_ps(_mm512_maskz_loadu_ps(m1, row + 16), sum[i][1]);
      }
      _mm512_mask_storeu_ps(row, m0, sum[i][0]);
      _mm512_mask_storeu_ps(row + 16, m1, sum[i][1]);
    }
}

void qp_gemm_tile_avx512(float *c, size_t ldc, const float *a, const float *b, size_t kc, size_t m, size_t n,
                         int accumulate) {
  if (m > 8)
    tile(c, ldc, a, b, kc, 12, m, n, accumulate);
  else if (m > 4)
    tile(c, ldc, a, b, kc, 8, m, n, accumulate);
  else
    tile(c, ldc, a, b, kc, 4, m, n, accumulate);
}

void qp_pack_transposed_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t width, size_t kc) {
  for (size_t i = 0; i < width; i += 16) {
    size_t lines = i >= valid ? 0 : valid - i < 16 ? valid - i : 16;
    __mmask16 columns = mask_of(width - i);
    for (size_t k = 0; k < kc; k += 16) {
      size_t depth = kc - k < 16 ? kc - k : 16;
      __mmask16 mask = mask_of(depth);
      __m512 r[16];
      for (size_t j = 0; j < 16; j++)
        r[j] = j < lines ? _mm512_maskz_loadu_ps(mask, src + (i + j) * ld + k) : _mm512_setzero_ps();
      qp_transpose16_avx512(r);
      for (size_t j = 0; j < depth; j++) _mm512_mask_storeu_ps(dst + (k + j) * width + i, columns, r[j]);
    }
  }
}

void qp_pack_straight_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t width, size_t kc) {
  for (size_t i = 0; i < width; i += 16) {
    __mmask16 columns = mask_of(width - i), mask = i >= valid ? 0 : mask_of(valid - i);
    for (size_t k = 0; k < kc; k++)
      _mm512_mask_storeu_ps(dst + k * width + i, columns, _mm512_maskz_loadu_ps(mask, src + k * ld + i));
  }
}

#pragma clang attribute pop
#endif
