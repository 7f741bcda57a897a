/// AVX2: products with short rows of floats, which stream from memory: each is read once for some rows of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "leaves/narrow.h"
#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define LANES __m256
#define LOAD _mm256_loadu_ps
#define LOAD_HALF(at) _mm256_cvtph_ps(_mm_loadu_si128(at))
#define STORE _mm256_storeu_ps
#define FILL _mm256_broadcast_ss
#define FMA _mm256_fmadd_ps
#define ZERO _mm256_setzero_ps
enum { MOST = 3 };
#include "x86/narrow_columns.h"

// The sums of eight vectors, in order.
static inline __m256 totals(const __m256 v[8]) {
  __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

// 8 / `n` rows with `n` rows of x, of whose sums one tree of additions makes numbers; of the rows `rows` count. `n`, a power of two,
// and `is_half` are constants of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                            size_t step, size_t rows, size_t columns, const size_t n,
                                                            int accumulate) {
  const size_t together = 8 / n;
  size_t whole = columns / 8 * 8;
  __m256 sum[8];
  for (int i = 0; i < 8; i++) sum[i] = _mm256_setzero_ps();
  for (size_t k = 0; k < whole; k += 8)
#pragma clang loop unroll(full)
    for (size_t r = 0; r < together; r++) {
      const void *at = qp_number(w, (r < rows ? r : 0) * step + k, is_half);
      __m256 row = is_half ? LOAD_HALF(at) : _mm256_loadu_ps(at);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++)
        sum[t * together + r] = _mm256_fmadd_ps(row, _mm256_loadu_ps(x + t * columns + k), sum[t * together + r]);
    }
  float total[8];
  _mm256_storeu_ps(total, totals(sum));
  for (size_t t = 0; t < n; t++)
    for (size_t r = 0; r < rows; r++) {
      float value = total[t * together + r];
      for (size_t k = whole; k < columns; k++) value += ((const float *)w)[r * step + k] * x[t * columns + k];
      y[t * ldy + r] = accumulate ? y[t * ldy + r] + value : value;
    }
}

__attribute__((always_inline)) static inline void all_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                           size_t step, size_t rows, size_t columns, const size_t n,
                                                           int accumulate) {
  const size_t together = 8 / n;
  for (size_t r = 0; r < rows; r += together) {
    const void *at = qp_number(w, r * step, is_half);
    qp_ask_for_rows(at, step, together, columns, is_half);
    some_rows(y + r, ldy, x, at, is_half, step, rows - r < together ? rows - r : together, columns, n, accumulate);
  }
}

__attribute__((always_inline)) static inline void narrow_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                              size_t step, size_t rows, size_t columns, size_t n, int accumulate) {
  size_t t = 0;
  for (; t + 4 <= n; t += 4) all_rows(y + t * ldy, ldy, x + t * columns, w, is_half, step, rows, columns, 4, accumulate);
  for (; t + 2 <= n; t += 2) all_rows(y + t * ldy, ldy, x + t * columns, w, is_half, step, rows, columns, 2, accumulate);
  if (t < n) all_rows(y + t * ldy, ldy, x + t * columns, w, is_half, step, rows, columns, 1, accumulate);
}

QP_NARROW_LEAVES(avx2)

#pragma clang attribute pop
#endif
