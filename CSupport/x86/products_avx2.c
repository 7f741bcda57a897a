/// AVX2: the 6 x 16 tile product and packers. Twelve sums, two loads of weights and six broadcasts a step.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

enum { MR = QP_AVX2_MR, NR = QP_AVX2_NR };

// ROWS is a constant of each call: every loop over it unrolls and the sums live in registers.
__attribute__((always_inline)) static inline void tile(float *c, size_t ldc, const float *a, const float *b, size_t kc,
                                                       const size_t rows, size_t m, size_t n, int accumulate) {
  __m256 sum[MR][2];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    sum[i][0] = sum[i][1] = _mm256_setzero_ps();
    if (i < m) _mm_prefetch((const char *)(c + i * ldc), _MM_HINT_T0), _mm_prefetch((const char *)(c + i * ldc + n - 1), _MM_HINT_T0);
  }
  for (size_t k = 0; k < kc; k++) {
    __m256 b0 = _mm256_loadu_ps(b + k * NR), b1 = _mm256_loadu_ps(b + k * NR + 8);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
      __m256 x = _mm256_broadcast_ss(a + k * MR + i);
      sum[i][0] = _mm256_fmadd_ps(x, b0, sum[i][0]);
      sum[i][1] = _mm256_fmadd_ps(x, b1, sum[i][1]);
    }
  }
  if (n == NR) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++)
      if (i < m) {
        float *row = c + i * ldc;
        if (accumulate) {
          sum[i][0] = _mm256_add_ps(_mm256_loadu_ps(row), sum[i][0]);
          sum[i][1] = _mm256_add_ps(_mm256_loadu_ps(row + 8), sum[i][1]);
        }
        _mm256_storeu_ps(row, sum[i][0]);
        _mm256_storeu_ps(row + 8, sum[i][1]);
      }
    return;
  }
  float whole[MR * NR];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    _mm256_storeu_ps(whole + i * NR, sum[i][0]);
    _mm256_storeu_ps(whole + i * NR + 8, sum[i][1]);
  }
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) c[i * ldc + j] = accumulate ? c[i * ldc + j] + whole[i * NR + j] : whole[i * NR + j];
}

void qp_gemm_tile_avx2(float *c, size_t ldc, const float *a, const float *b, size_t kc, size_t m, size_t n, int accumulate) {
  if (m > 4)
    tile(c, ldc, a, b, kc, 6, m, n, accumulate);
  else if (m > 2)
    tile(c, ldc, a, b, kc, 4, m, n, accumulate);
  else
    tile(c, ldc, a, b, kc, 2, m, n, accumulate);
}

static inline void transpose8(__m256 r[8]) {
  __m256 t[8];
  for (int i = 0; i < 8; i += 2) t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]), t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44), r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44), r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
  memcpy(r, t, sizeof t);
}

static inline __m256i mask_of(size_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count > 8 ? 8 : (int)count), lanes);
}

void qp_pack_transposed_avx2(float *dst, const float *src, size_t ld, size_t valid, size_t width, size_t kc) {
  for (size_t i = 0; i < width; i += 8) {
    size_t lines = i >= valid ? 0 : valid - i < 8 ? valid - i : 8;
    __m256i columns = mask_of(width - i);
    for (size_t k = 0; k < kc; k += 8) {
      size_t depth = kc - k < 8 ? kc - k : 8;
      __m256i mask = mask_of(depth);
      __m256 r[8];
      for (size_t j = 0; j < 8; j++)
        r[j] = j < lines ? _mm256_maskload_ps(src + (i + j) * ld + k, mask) : _mm256_setzero_ps();
      transpose8(r);
      float *at = dst + k * width + i;
      if (width - i >= 8)
        for (size_t j = 0; j < depth; j++) _mm256_storeu_ps(at + j * width, r[j]);
      else
        for (size_t j = 0; j < depth; j++) _mm256_maskstore_ps(at + j * width, columns, r[j]);
    }
  }
}

void qp_pack_straight_avx2(float *dst, const float *src, size_t ld, size_t valid, size_t width, size_t kc) {
  for (size_t i = 0; i < width; i += 8) {
    size_t lines = i >= valid ? 0 : valid - i;
    __m256i columns = mask_of(width - i), mask = mask_of(lines);
    for (size_t k = 0; k < kc; k++) {
      float *at = dst + k * width + i;
      if (lines >= 8)
        _mm256_storeu_ps(at, _mm256_loadu_ps(src + k * ld + i));
      else
        _mm256_maskstore_ps(at, columns, _mm256_maskload_ps(src + k * ld + i, mask));
    }
  }
}

#pragma clang attribute pop
#endif
