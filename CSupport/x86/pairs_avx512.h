/// AVX-512: rows of 4-bit codes two runs of 64 columns at a time, one in each half of a vector, and so are their scales. Include after the
/// target pragma.
#ifndef QP_PAIRS_AVX512_H
#define QP_PAIRS_AVX512_H

#include "leaves/q4_scales.h"
#include "x86/lanes_avx512.h"

enum { QP_RUN = 64, QP_PAIR = 2 * QP_RUN };  // columns

/// The number at `low` in the lower half, that at `high` in the upper one.
static inline __m512 qp_spread_pair(const float *low, const float *high) {
  __m512 v = qp_spread_avx512(low);
  __asm__("vbroadcastss %1, %0%{%2%}" : "+v"(v) : "m"(*high), "Yk"((__mmask16)0xff00));
  return v;
}

/// The scales of scales that `rows` rows take from their run `b` on, an even one, and the run, an even one or the last, before which none
/// takes another. `rows` and `is_nested` are constants of each call, here and below.
__attribute__((always_inline)) static inline size_t qp_begin_pairs(__m512 nested[4], const qp_scales *s, unsigned shift, size_t row,
                                                                   const size_t rows, size_t runs, size_t b, const int is_nested) {
  float low[4], high[4];
  if (!is_nested) return runs;
  size_t end = qp_nested_scales(low, s, shift, row, rows, runs, b);
  for (size_t r = 0; r < rows; r++) nested[r] = _mm512_set1_ps(low[r]);
  if (end == b + 1 && end < runs) {  // the second run of a pair takes other ones
    qp_nested_scales(high, s, shift, row, rows, runs, end++);
    for (size_t r = 0; r < rows; r++) nested[r] = qp_spread_pair(low + r, high + r);
  }
  return end < runs ? end / 2 * 2 : end;
}

/// The scales of two runs, counted from the first one of W; two to `shift` runs share one. `is_rounded`, a constant: after each step, as
/// where weights are decoded.
__attribute__((always_inline)) static inline __m512 qp_scale_pair(const qp_matrix *w, size_t low, size_t high, __m512 nested,
                                                                  unsigned shift, const int is_nested, const int is_rounded) {
  low >>= shift, high >>= shift;
  if (!is_nested) return qp_spread_pair(w->absmax + low, w->absmax + high);
  __m512 scale = qp_spread_pair(w->nested_map + w->absmax_codes[low], w->nested_map + w->absmax_codes[high]);
  __m512 offset = _mm512_set1_ps(w->nested_offset);
  return is_rounded ? _mm512_add_ps(_mm512_mul_ps(scale, nested), offset) : _mm512_fmadd_ps(scale, nested, offset);
}

/// The codes of one run of two rows.
static inline __m512i qp_codes_of_two(const uint8_t *low, const uint8_t *high) {
  __m512i first = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)low));
  return _mm512_inserti64x4(first, _mm256_loadu_si256((const __m256i *)high), 1);
}

#endif
