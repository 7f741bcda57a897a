/// AVX-512: products with short rows of floats, which stream from memory: each is read once for up to four rows of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "leaves/narrow.h"
#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "x86/lanes_avx512.h"

#define LANES __m512
#define LOAD _mm512_loadu_ps
#define LOAD_HALF(at) _mm512_cvtph_ps(_mm256_loadu_si256(at))
#define STORE _mm512_storeu_ps
#define FILL qp_spread_avx512
#define FMA _mm512_fmadd_ps
#define ZERO _mm512_setzero_ps
enum { MOST = 4 };
#include "x86/narrow_columns.h"

// The sums of sixteen vectors, in order.
static inline __m512 totals(__m512 v[16]) {
  for (int i = 0; i < 8; i++) v[i] = _mm512_add_ps(_mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]), _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]));
  for (int i = 0; i < 4; i++)
    v[i] = _mm512_add_ps(_mm512_shuffle_ps(v[2 * i], v[2 * i + 1], 0x44), _mm512_shuffle_ps(v[2 * i], v[2 * i + 1], 0xee));
  for (int i = 0; i < 2; i++)
    v[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x88), _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x88), _mm512_shuffle_f32x4(v[0], v[1], 0xdd));
}

// Sixteen rows and one row of x, or four rows and `n` rows of x, of whose sums one tree of additions makes numbers; of the rows `rows`
// count. `n`, at most 4, and `is_half` are constants of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                            size_t step, size_t rows, size_t columns, const size_t n,
                                                            int accumulate) {
  const size_t together = n == 1 ? 16 : 4;
  __m512 sum[16];
  for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_ps();
  for (size_t k = 0; k < columns; k += 16) {
    __mmask16 inside = qp_mask_of(columns - k);
    __m512 v[4];
#pragma clang loop unroll(full)
    for (size_t t = 0; t < n; t++) v[t] = _mm512_maskz_loadu_ps(inside, x + t * columns + k);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < together; r++) {
      const void *at = qp_number(w, (r < rows ? r : 0) * step + k, is_half);
      __m512 row = is_half ? LOAD_HALF(at) : _mm512_maskz_loadu_ps(inside, at);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) sum[t * together + r] = _mm512_fmadd_ps(row, v[t], sum[t * together + r]);
    }
  }
  float total[16];
  _mm512_storeu_ps(total, totals(sum));
  __mmask16 mask = qp_mask_of(rows);
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) {
    __m512 of_x = _mm512_maskz_loadu_ps(mask, total + t * together);
    if (accumulate) of_x = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y + t * ldy), of_x);
    _mm512_mask_storeu_ps(y + t * ldy, mask, of_x);
  }
}

__attribute__((always_inline)) static inline void all_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                           size_t step, size_t rows, size_t columns, const size_t n,
                                                           int accumulate) {
  const size_t together = n == 1 ? 16 : 4;
  for (size_t r = 0; r < rows; r += together) {
    const void *at = qp_number(w, r * step, is_half);
    qp_ask_for_rows(at, step, together, columns, is_half);
    some_rows(y + r, ldy, x, at, is_half, step, rows - r < together ? rows - r : together, columns, n, accumulate);
  }
}

__attribute__((always_inline)) static inline void narrow_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                              size_t step, size_t rows, size_t columns, size_t n, int accumulate) {
  for (size_t t = 0; t < n; t += 4, x += 4 * columns, y += 4 * ldy)
    switch (n - t) {
      case 1: all_rows(y, ldy, x, w, is_half, step, rows, columns, 1, accumulate); break;
      case 2: all_rows(y, ldy, x, w, is_half, step, rows, columns, 2, accumulate); break;
      case 3: all_rows(y, ldy, x, w, is_half, step, rows, columns, 3, accumulate); break;
      default: all_rows(y, ldy, x, w, is_half, step, rows, columns, 4, accumulate); break;
    }
}

QP_NARROW_LEAVES(avx512)

#pragma clang attribute pop
#endif
