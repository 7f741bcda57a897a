/// AVX2: one token in fixed point (drivers/fixed.c). Levels of 16 bits from two byte planes, 32 nibbles a pshufb; vpmaddwd
/// multiplies and adds pairs; two rows share the loads of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "x86/lanes_avx2.h"
#include "x86/planes_avx2.h"
#include "x86/q4_bytes.h"

// The order in which two byte planes interleave: of every 64 columns even ones 0-15 and 32-47, 16-31 and 48-63, then odd ones.
void qp_fixed_arrange_avx2(int16_t *dst, const int16_t *x, size_t run) {
  dst += run * QP_FIXED;
  for (size_t i = 0; i < QP_FIXED; i++) dst[i] = x[(i % 8 + i / 16 % 2 * 8 + i / 8 % 2 * 16) * 2 + i / 32];
}

__attribute__((always_inline)) static inline __m256i products(__m256i nibbles, __m256i low, __m256i high, const int16_t *x) {
  __m256i a = _mm256_shuffle_epi8(low, nibbles), b = _mm256_shuffle_epi8(high, nibbles);
  return _mm256_add_epi32(
      _mm256_madd_epi16(_mm256_unpacklo_epi8(a, b), _mm256_loadu_si256((const __m256i *)x)),
      _mm256_madd_epi16(_mm256_unpackhi_epi8(a, b), _mm256_loadu_si256((const __m256i *)(x + 16))));
}

// `rows`, `shift` where it is 0, and `is_nested` are constants of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, const int16_t *x, const float *x_scales,
                                                            const qp_scales *s, __m256i low, __m256i high, size_t row,
                                                            const size_t rows, const unsigned shift, const int is_nested) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / QP_FIXED;
  const uint8_t *codes = (const uint8_t *)w->values + row * half, *ask = codes + qp_rows_ahead(w, rows) * half;
  const uint8_t *scale_codes = w->absmax_codes;
  const float *absmax = w->absmax, *map = w->nested_map;
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256 sum[2], offset = _mm256_set1_ps(w->nested_offset);
  for (size_t r = 0; r < rows; r++) sum[r] = _mm256_setzero_ps();
  for (size_t b = 0; b < runs;) {
    float nested[2];
    size_t end = is_nested ? qp_nested_scales(nested, s, shift, row, rows, runs, b) : runs;
    for (; b < end; b++, x += QP_FIXED, codes += QP_FIXED / 2) {
      qp_ask(ask, 0), ask += 32 * rows;  // rows to come lie one behind the other, in other pages
      __m256 x_scale = _mm256_broadcast_ss(x_scales + b);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        size_t block = ((row + r) * runs + b) >> shift;
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(codes + r * half));
        __m256i even = products(_mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble), low, high, x);
        __m256i odd = products(_mm256_and_si256(bytes, nibble), low, high, x + 32);
        __m256 exact = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(even, odd)), x_scale);
        __m256 scale = is_nested ? _mm256_fmadd_ps(qp_spread_avx2(map + scale_codes[block]), qp_spread_avx2(nested + r), offset)
                                 : qp_spread_avx2(absmax + block);
        sum[r] = _mm256_fmadd_ps(exact, scale, sum[r]);
      }
    }
  }
  for (size_t r = 0; r < rows; r++) y[row + r] = qp_total(sum[r]);
}

__attribute__((always_inline)) static inline void all_rows(float *y, const int16_t *x, const float *x_scales, const qp_scales *s,
                                                           __m256i low, __m256i high, size_t row, size_t end,
                                                           const unsigned shift, const int is_nested) {
  for (; row + 2 <= end; row += 2) some_rows(y, x, x_scales, s, low, high, row, 2, shift, is_nested);
  for (; row < end; row++) some_rows(y, x, x_scales, s, low, high, row, 1, shift, is_nested);
}

void qp_fixed_rows_avx2(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                        size_t row, size_t rows) {
  qp_scales s = qp_scales_of(w);
  const __m128i even_bytes = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
  __m128i first = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)levels), even_bytes);
  __m128i second = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(levels + 8)), even_bytes);
  __m256i low = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(first, second));
  __m256i high = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(first, second));
  qp_ask_first(w, row, qp_rows_ahead(w, 2));
  unsigned shift = s.block_shift - qp_shift(QP_FIXED);
  if (w->absmax)
    all_rows(y, x, x_scales, &s, low, high, row, row + rows, shift, 0);
  else if (shift == 0)
    all_rows(y, x, x_scales, &s, low, high, row, row + rows, 0, 1);
  else
    all_rows(y, x, x_scales, &s, low, high, row, row + rows, shift, 1);
}

#pragma clang attribute pop
#endif
