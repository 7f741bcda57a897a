/// AVX2: the 6 x 16 tile product and packers. Twelve sums, two loads of weights and six broadcasts a step.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

enum { MR = QP_AVX2_MR, NR = QP_AVX2_NR, MOST_ROWS = 2 * MR, LAST = 128, THIN_AHEAD = 32 };
#define LANES __m256
#define LOAD _mm256_loadu_ps
#define FILL(x) _mm256_broadcast_ss(x)
#define FMA _mm256_fmadd_ps
#define ZERO _mm256_setzero_ps

#include "x86/tile_sums.h"
#include "x86/transpose_avx2.h"

INLINE void tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step, size_t kc,
                 size_t n, int accumulate, const tile_shape shape) {
  __m256 sum[MOST_ROWS][2];
  tile_sums(sum, c, ldc, a, row_step, k_step, b, b_step, kc, n, shape);
  if (n == NR) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < shape.rows; i++) {
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
  float whole[MOST_ROWS * NR];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < shape.rows; i++) {
    _mm256_storeu_ps(whole + i * NR, sum[i][0]);
    if (shape.vectors == 2) _mm256_storeu_ps(whole + i * NR + 8, sum[i][1]);
  }
  for (size_t i = 0; i < shape.rows; i++)
    for (size_t j = 0; j < n; j++) c[i * ldc + j] = accumulate ? c[i * ldc + j] + whole[i * NR + j] : whole[i * NR + j];
}

#define ROWS(M) \
  case M: tile(c, ldc, a, row_step, k_step, b, NR, kc, n, accumulate, (tile_shape){M, 2, 1, 0}); break;

void qp_gemm_tile_avx2(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                       size_t m, size_t n, int accumulate) {
  if (m == MR && k_step == 1) {
    tile(c, ldc, a, row_step, 1, b, NR, kc, n, accumulate, (tile_shape){MR, 2, 4, 0});
    return;
  }
  switch (m) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
  }
}

#define THIN(M, VECTORS)                                                                                    \
  for (; m >= M; m -= M, a += M * row_step, c += M * ldc)                                                   \
    if (k_step == 1)                                                                                        \
      tile(c, ldc, a, row_step, 1, b, b_step, kc, n, accumulate, (tile_shape){M, VECTORS, 4, THIN_AHEAD});  \
    else                                                                                                    \
      tile(c, ldc, a, row_step, k_step, b, b_step, kc, n, accumulate, (tile_shape){M, VECTORS, 1, THIN_AHEAD});

void qp_gemm_thin_avx2(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step,
                       size_t kc, size_t m, size_t n, int accumulate) {
  if (n <= 8) {
    THIN(12, 1) THIN(8, 1) THIN(4, 1) THIN(1, 1)
  }
  THIN(6, 2) THIN(4, 2) THIN(3, 2) THIN(2, 2) THIN(1, 2)
}

static inline __m256i mask_of(size_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count > 8 ? 8 : (int)count), lanes);
}

void qp_pack_transposed_avx2(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  for (size_t i = 0; i < NR; i += 8) {
    size_t lines = i >= valid ? 0 : valid - i < 8 ? valid - i : 8;
    for (size_t k = 0; k < kc; k += 8) {
      size_t depth = kc - k < 8 ? kc - k : 8;
      const float *from = src + i * ld + k;
      __m256 r[8];
      if (depth == 8 && lines == 8) {
        for (size_t j = 0; j < 8; j++) r[j] = _mm256_loadu_ps(from + j * ld);
      } else {
        __m256i mask = mask_of(depth);
        for (size_t j = 0; j < 8; j++) r[j] = j < lines ? _mm256_maskload_ps(from + j * ld, mask) : _mm256_setzero_ps();
      }
      qp_transpose8_avx2(r);
      for (size_t j = 0; j < depth; j++) _mm256_storeu_ps(dst + (k + j) * NR + i, r[j]);
    }
  }
}

void qp_pack_straight_avx2(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  __m256i low = mask_of(valid), high = mask_of(valid > 8 ? valid - 8 : 0);
  for (size_t k = 0; k < kc; k++) {
    if (valid == NR) {
      _mm256_storeu_ps(dst + k * NR, _mm256_loadu_ps(src + k * ld));
      _mm256_storeu_ps(dst + k * NR + 8, _mm256_loadu_ps(src + k * ld + 8));
    } else {
      _mm256_storeu_ps(dst + k * NR, _mm256_maskload_ps(src + k * ld, low));
      _mm256_storeu_ps(dst + k * NR + 8, _mm256_maskload_ps(src + k * ld + 8, high));
    }
  }
}

#pragma clang attribute pop
#endif
