/// AVX-512: one token in fixed point (drivers/fixed.c). One vpermw looks up 32 levels of 16 bits, one vpmaddwd multiplies and adds
/// pairs; four rows share the loads of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "x86/q4_bytes.h"

// Even columns of every 64, then odd ones: the order in which high and low nibbles come.
void qp_fixed_arrange_avx512(int16_t *dst, const int16_t *x, size_t count) {
  for (size_t k = 0; k < count; k += QP_FIXED)
    for (size_t i = 0; i < 32; i++) dst[k + i] = x[k + 2 * i], dst[k + 32 + i] = x[k + 2 * i + 1];
}

// `rows` is a constant of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, const int16_t *x, const float *x_scales,
                                                            const qp_scales *s, __m512i table, size_t row,
                                                            const size_t rows) {
  const qp_matrix *w = s->w;
  const uint8_t *codes = (const uint8_t *)w->values + row * w->columns / 2;
  float scales[4][QP_SCALES];
  __m512 sum[4];
  for (size_t r = 0; r < rows; r++) sum[r] = _mm512_setzero_ps();
  size_t blocks = w->columns / QP_FIXED, ahead = qp_rows_ahead(w, rows);
  for (size_t first = 0; first < blocks; first += QP_SCALES) {
    size_t count = blocks - first < QP_SCALES ? blocks - first : QP_SCALES;
    for (size_t r = 0; r < rows; r++)
      qp_fixed_scales(scales[r], x_scales + first, s, (row + r) * w->columns + first * QP_FIXED, count);
    for (size_t b = 0; b < count; b++) {
      size_t k = (first + b) * QP_FIXED;
      // Rows to come lie in other pages: each step asks for half a line of every one.
      for (size_t r = b % 2; r < rows; r += 2) qp_ask(codes, ((ahead + r) * w->columns + k) / 2);
      __m512i even = _mm512_loadu_si512(x + k), odd = _mm512_loadu_si512(x + k + 32);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        // vpermw looks at five bits of an index: the fifth is the neighbour's, and both halves of the table are the same.
        __m512i low = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(codes + (r * w->columns + k) / 2)));
        __m512i a = _mm512_madd_epi16(_mm512_permutexvar_epi16(_mm512_srli_epi16(low, 4), table), even);
        __m512i c = _mm512_madd_epi16(_mm512_permutexvar_epi16(low, table), odd);
        sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(a, c)), _mm512_set1_ps(scales[r][b]), sum[r]);
      }
    }
  }
  for (size_t r = 0; r < rows; r++) y[row + r] = _mm512_reduce_add_ps(sum[r]);
}

void qp_fixed_rows_avx512(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                          size_t row, size_t rows) {
  qp_scales s = qp_scales_of(w);
  __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)levels));
  size_t end = row + rows;
  qp_ask_first(w, row, qp_rows_ahead(w, 4));
  for (; row + 4 <= end; row += 4) some_rows(y, x, x_scales, &s, table, row, 4);
  for (; row < end; row++) some_rows(y, x, x_scales, &s, table, row, 1);
}

#pragma clang attribute pop
#endif
