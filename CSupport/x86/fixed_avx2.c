/// AVX2: one token in fixed point (drivers/fixed.c). Levels of 16 bits from two byte planes, 32 nibbles a pshufb; vpmaddwd
/// multiplies and adds pairs; two rows share the loads of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "x86/planes_avx2.h"
#include "x86/q4_bytes.h"

// The order in which two byte planes interleave: of every 64 columns even ones 0-15 and 32-47, 16-31 and 48-63, then odd ones.
void qp_fixed_arrange_avx2(int16_t *dst, const int16_t *x, size_t count) {
  for (size_t k = 0; k < count; k += QP_FIXED)
    for (size_t i = 0; i < QP_FIXED; i++)
      dst[k + i] = x[k + (i % 8 + i / 16 % 2 * 8 + i / 8 % 2 * 16) * 2 + i / 32];
}

__attribute__((always_inline)) static inline __m256i products(__m256i nibbles, __m256i low, __m256i high, const int16_t *x) {
  __m256i a = _mm256_shuffle_epi8(low, nibbles), b = _mm256_shuffle_epi8(high, nibbles);
  return _mm256_add_epi32(
      _mm256_madd_epi16(_mm256_unpacklo_epi8(a, b), _mm256_loadu_si256((const __m256i *)x)),
      _mm256_madd_epi16(_mm256_unpackhi_epi8(a, b), _mm256_loadu_si256((const __m256i *)(x + 16))));
}

// `rows` is a constant of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, const int16_t *x, const float *x_scales,
                                                            const qp_scales *s, __m256i low, __m256i high, size_t row,
                                                            const size_t rows) {
  const qp_matrix *w = s->w;
  const uint8_t *codes = (const uint8_t *)w->values + row * w->columns / 2;
  const __m256i nibble = _mm256_set1_epi8(15);
  float scales[2][QP_SCALES];
  __m256 sum[2];
  for (size_t r = 0; r < rows; r++) sum[r] = _mm256_setzero_ps();
  size_t blocks = w->columns / QP_FIXED, ahead = qp_rows_ahead(w, rows);
  for (size_t first = 0; first < blocks; first += QP_SCALES) {
    size_t count = blocks - first < QP_SCALES ? blocks - first : QP_SCALES;
    for (size_t r = 0; r < rows; r++)
      qp_fixed_scales(scales[r], x_scales + first, s, (row + r) * w->columns + first * QP_FIXED, count);
    for (size_t b = 0; b < count; b++) {
      size_t k = (first + b) * QP_FIXED;
      // Rows to come lie in other pages: each step asks for half a line of every one.
      for (size_t r = b % 2; r < rows; r += 2) qp_ask(codes, ((ahead + r) * w->columns + k) / 2);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(codes + (r * w->columns + k) / 2));
        __m256i even = products(_mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble), low, high, x + k);
        __m256i odd = products(_mm256_and_si256(bytes, nibble), low, high, x + k + 32);
        __m256 exact = _mm256_cvtepi32_ps(_mm256_add_epi32(even, odd));
        sum[r] = _mm256_fmadd_ps(exact, _mm256_broadcast_ss(&scales[r][b]), sum[r]);
      }
    }
  }
  for (size_t r = 0; r < rows; r++) y[row + r] = qp_total(sum[r]);
}

void qp_fixed_rows_avx2(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                        size_t row, size_t rows) {
  qp_scales s = qp_scales_of(w);
  const __m128i even_bytes = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
  __m128i first = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)levels), even_bytes);
  __m128i second = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(levels + 8)), even_bytes);
  __m256i low = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(first, second));
  __m256i high = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(first, second));
  size_t end = row + rows;
  qp_ask_first(w, row, qp_rows_ahead(w, 2));
  for (; row + 2 <= end; row += 2) some_rows(y, x, x_scales, &s, low, high, row, 2);
  for (; row < end; row++) some_rows(y, x, x_scales, &s, low, high, row, 1);
}

#pragma clang attribute pop
#endif
