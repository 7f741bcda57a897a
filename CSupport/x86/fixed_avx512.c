/// AVX-512: one token in fixed point (drivers/fixed.c). One vpermw looks up 32 levels of 16 bits, one vpmaddwd multiplies and adds
/// pairs; four rows share the loads of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "x86/q4_bytes.h"
#include "x86/spread_avx512.h"

// Even columns of every 64, then odd ones: the order in which high and low nibbles come.
void qp_fixed_arrange_avx512(int16_t *dst, const int16_t *x, size_t count) {
  for (size_t k = 0; k < count; k += QP_FIXED)
    for (size_t i = 0; i < 32; i++) dst[k + i] = x[k + 2 * i], dst[k + 32 + i] = x[k + 2 * i + 1];
}

// The sums of four vectors. A row is summed up in the same order whether it comes alone or with three others.
static inline __m128 totals(const __m512 v[4]) {
  __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
  __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
  __m512 c = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  __m256 d = _mm256_add_ps(_mm512_castps512_ps256(c), _mm512_extractf32x8_ps(c, 1));
  return _mm_add_ps(_mm256_castps256_ps128(d), _mm256_extractf128_ps(d, 1));
}

// `rows`, `shift` where it is 0, and `is_nested` are constants of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, const int16_t *x, const float *x_scales,
                                                            const qp_scales *s, __m512i table, size_t row, const size_t rows,
                                                            const unsigned shift, const int is_nested) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / QP_FIXED;
  const uint8_t *codes = (const uint8_t *)w->values + row * half, *ask = codes + qp_rows_ahead(w, rows) * half;
  const uint8_t *scale_codes = w->absmax_codes;
  const float *absmax = w->absmax, *map = w->nested_map;
  __m512 sum[4], nested[4], offset = _mm512_set1_ps(w->nested_offset);
  for (size_t r = 0; r < 4; r++) sum[r] = _mm512_setzero_ps();
  for (size_t b = 0; b < runs;) {
    float of_rows[4];
    size_t end = is_nested ? qp_nested_scales(of_rows, s, shift, row, rows, runs, b) : runs;
    for (size_t r = 0; r < rows && is_nested; r++) nested[r] = _mm512_set1_ps(of_rows[r]);
    for (; b < end; b++, x += QP_FIXED, codes += QP_FIXED / 2) {
      // Rows to come lie one behind the other, in other pages: as many lines of them as a step takes.
      for (size_t i = 0; i < rows; i += 2, ask += 64) qp_ask(ask, 0);
      __m512i even = _mm512_loadu_si512(x), odd = _mm512_loadu_si512(x + 32);
      __m512 x_scale = qp_spread_avx512(x_scales + b);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        size_t block = ((row + r) * runs + b) >> shift;
        // Not rounded in between, as where weights are decoded: x is rounded a hundred times more.
        __m512 scale = is_nested ? _mm512_fmadd_ps(qp_spread_avx512(map + scale_codes[block]), nested[r], offset)
                                 : qp_spread_avx512(absmax + block);
        // vpermw looks at five bits of an index: the fifth is the neighbour's, and both halves of the table are the same.
        __m512i low = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(codes + r * half)));
        __m512i a = _mm512_madd_epi16(_mm512_permutexvar_epi16(_mm512_srli_epi16(low, 4), table), even);
        __m512i c = _mm512_madd_epi16(_mm512_permutexvar_epi16(low, table), odd);
        sum[r] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(a, c)), x_scale), scale, sum[r]);
      }
    }
  }
  _mm_mask_storeu_ps(y + row, (__mmask8)((1 << rows) - 1), totals(sum));
}

__attribute__((always_inline)) static inline void all_rows(float *y, const int16_t *x, const float *x_scales, const qp_scales *s,
                                                           __m512i table, size_t row, size_t end, const unsigned shift,
                                                           const int is_nested) {
  for (; row + 4 <= end; row += 4) some_rows(y, x, x_scales, s, table, row, 4, shift, is_nested);
  for (; row < end; row++) some_rows(y, x, x_scales, s, table, row, 1, shift, is_nested);
}

void qp_fixed_rows_avx512(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                          size_t row, size_t rows) {
  qp_scales s = qp_scales_of(w);
  __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)levels));
  qp_ask_first(w, row, qp_rows_ahead(w, 4));
  unsigned shift = s.block_shift - qp_shift(QP_FIXED);
  if (w->absmax)
    all_rows(y, x, x_scales, &s, table, row, row + rows, shift, 0);
  else if (shift == 0)
    all_rows(y, x, x_scales, &s, table, row, row + rows, 0, 1);
  else
    all_rows(y, x, x_scales, &s, table, row, row + rows, shift, 1);
}

#pragma clang attribute pop
#endif
