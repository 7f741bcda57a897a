/// AVX-512: one token in fixed point (drivers/fixed.c). 128 columns of a row are one load of codes, each lane of 16 bits with four of
/// them, and one vpermw looks up 32 levels; the two runs lie in the halves of a vector, and so do their scales. Four rows share the
/// loads of x.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/cpu.h"
#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "x86/pairs_avx512.h"
#include "x86/q4_bytes.h"

_Static_assert(QP_RUN == QP_FIXED, "a run of codes has one scale of x");

// Of every 128 columns those with the same place in a lane beside each other, the first code of a lane first.
void qp_fixed_arrange_avx512(int16_t *dst, const int16_t *x, size_t run) {
  static const int16_t order[32] = {0, 4, 8,  12, 16, 20, 24, 28, 1, 5, 9,  13, 17, 21, 25, 29,
                                    2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31};
  dst += run / 2 * QP_PAIR + run % 2 * 16;
  for (size_t i = 0; i < QP_FIXED; i += 32, dst += 8) {
    __m512i places = _mm512_permutexvar_epi16(_mm512_loadu_si512(order), _mm512_loadu_si512(x + i));
    _mm_storeu_si128((__m128i *)dst, _mm512_castsi512_si128(places));
    _mm_storeu_si128((__m128i *)(dst + 32), _mm512_extracti32x4_epi32(places, 1));
    _mm_storeu_si128((__m128i *)(dst + 64), _mm512_extracti32x4_epi32(places, 2));
    _mm_storeu_si128((__m128i *)(dst + 96), _mm512_extracti32x4_epi32(places, 3));
  }
}

// sum + a · b in pairs of numbers. The compiler takes its own intrinsic for one instruction apart into two, which cost more.
__attribute__((always_inline)) static inline __m512i add_products(__m512i sum, __m512i a, __m512i b, const int has_vnni) {
  if (!has_vnni) return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}

typedef struct {
  const qp_scales *s;
  const int16_t *x;
  const float *x_scales;
  __m512i table;
  unsigned shift;  // two to it runs share a scale of W
  size_t ahead;    // rows between one and that which is asked for
} fixed_product;

// Σ level * x, exact, in each lane, of the four columns that a lane of `codes` holds. `has_vnni`, and below `rows`, `shift` where it is 0,
// and `is_nested`, are constants of each call.
__attribute__((always_inline)) static inline __m512 products(__m512i codes, const __m512i x[4], __m512i table, const int has_vnni) {
  // vpermw looks at five bits of an index: the fifth is the neighbour's, and both halves of the table are the same.
  __m512i sum = _mm512_madd_epi16(_mm512_permutexvar_epi16(codes, table), x[1]);
  sum = add_products(sum, _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), table), x[0], has_vnni);
  sum = add_products(sum, _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 8), table), x[3], has_vnni);
  sum = add_products(sum, _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 12), table), x[2], has_vnni);
  return _mm512_cvtepi32_ps(sum);
}

// Adds runs b and b + 1 of `rows` rows.
__attribute__((always_inline)) static inline void add_pair(__m512 sum[4], const fixed_product *p, const __m512 nested[4], size_t row,
                                                           size_t b, const size_t rows, const unsigned shift, const int is_nested,
                                                           const int has_vnni) {
  size_t half = p->s->w->columns / 2, runs = p->s->w->columns / QP_FIXED;
  const uint8_t *codes = (const uint8_t *)p->s->w->values + row * half + b * (QP_FIXED / 2);
  __m512i x[4];
  for (size_t i = 0; i < 4; i++) x[i] = _mm512_loadu_si512(p->x + b * QP_FIXED + 32 * i);
  __m512 x_scale = qp_spread_pair(p->x_scales + b, p->x_scales + b + 1);
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++) {
    size_t run = (row + r) * runs + b;
    __m512 found = products(_mm512_loadu_si512(codes + r * half), x, p->table, has_vnni);
    // Scales are not rounded in between: x is rounded a hundred times more.
    __m512 scales = qp_scale_pair(p->s->w, run, run + 1, nested[r], shift, is_nested, 0);
    sum[r] = _mm512_fmadd_ps(_mm512_mul_ps(found, x_scale), scales, sum[r]);
  }
}

// Adds the last run of rows of an odd number of them: of two rows at a time, each in a half.
__attribute__((always_inline)) static inline void add_last(__m512 sum[4], const fixed_product *p, const __m512 nested[4], size_t row,
                                                           const size_t rows, const unsigned shift, const int is_nested,
                                                           const int has_vnni) {
  size_t half = p->s->w->columns / 2, runs = p->s->w->columns / QP_FIXED, b = runs - 1;
  const uint8_t *codes = (const uint8_t *)p->s->w->values + row * half + b * (QP_FIXED / 2);
  __m512i x[4];
  for (size_t i = 0; i < 4; i++) x[i] = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(p->x + b * QP_FIXED + 32 * i)));
  __m512 x_scale = qp_spread_avx512(p->x_scales + b);
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r += 2) {
    size_t other = r + 1 < rows ? r + 1 : r;
    __m512 scales = _mm512_mask_blend_ps(0xff00, nested[r], nested[other]);
    scales = qp_scale_pair(p->s->w, (row + r) * runs + b, (row + other) * runs + b, scales, shift, is_nested, 0);
    __m512i both = qp_codes_of_two(codes + r * half, codes + other * half);
    __m512 found = _mm512_mul_ps(products(both, x, p->table, has_vnni), x_scale);
    sum[r] = _mm512_mask3_fmadd_ps(found, scales, sum[r], 0x00ff);
    if (other != r) sum[other] = _mm512_mask3_fmadd_ps(found, scales, sum[other], 0xff00);
  }
}

__attribute__((always_inline)) static inline void some_rows(float *y, const fixed_product *p, size_t row, const size_t rows,
                                                            const unsigned shift, const int is_nested, const int has_vnni) {
  const qp_matrix *w = p->s->w;
  size_t half = w->columns / 2, runs = w->columns / QP_FIXED;
  const uint8_t *ask = (const uint8_t *)w->values + (row + p->ahead) * half;
  __m512 sum[4], nested[4];
  for (size_t r = 0; r < 4; r++) sum[r] = nested[r] = _mm512_setzero_ps();
  for (size_t b = 0; b < runs;) {
    size_t end = qp_begin_pairs(nested, p->s, shift, row, rows, runs, b, is_nested);
    for (; b + 2 <= end; b += 2) {
      // Rows to come lie one behind the other, in other pages: as many lines of them as a step takes.
      for (size_t i = 0; i < rows; i++, ask += 64) qp_ask(ask, 0);
      add_pair(sum, p, nested, row, b, rows, shift, is_nested, has_vnni);
    }
    if (b + 1 == runs && b < end) {
      for (size_t i = 0; i < rows; i += 2, ask += 64) qp_ask(ask, 0);
      add_last(sum, p, nested, row, rows, shift, is_nested, has_vnni);
      b++;
    }
  }
  qp_put_sums(y + row, sum, rows, 0);
}

__attribute__((always_inline)) static inline void all_rows(float *y, const fixed_product *p, size_t row, size_t end,
                                                           const unsigned shift, const int is_nested, const int has_vnni) {
  for (; row + 4 <= end; row += 4) some_rows(y, p, row, 4, shift, is_nested, has_vnni);
  for (; row < end; row++) some_rows(y, p, row, 1, shift, is_nested, has_vnni);
}

__attribute__((always_inline)) static inline void fixed_rows(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w,
                                                             const int16_t levels[16], size_t row, size_t rows,
                                                             const int has_vnni) {
  qp_scales s = qp_scales_of(w);
  __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)levels));
  fixed_product p = {&s, x, x_scales, table, s.block_shift - qp_shift(QP_FIXED), qp_rows_ahead(w, 4)};
  qp_ask_first(w, row, p.ahead);
  if (w->absmax)
    all_rows(y, &p, row, row + rows, p.shift, 0, has_vnni);
  else if (p.shift == 0)
    all_rows(y, &p, row, row + rows, 0, 1, has_vnni);
  else
    all_rows(y, &p, row, row + rows, p.shift, 1, has_vnni);
}

void qp_fixed_rows_avx512_bw(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w,
                             const int16_t levels[16], size_t row, size_t rows) {
  fixed_rows(y, x, x_scales, w, levels, row, rows, 0);
}

void qp_fixed_rows_avx512_vnni(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w,
                               const int16_t levels[16], size_t row, size_t rows) {
  fixed_rows(y, x, x_scales, w, levels, row, rows, 1);
}

void qp_fixed_rows_avx512(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                          size_t row, size_t rows) {
  (qp_has_vnni() ? qp_fixed_rows_avx512_vnni : qp_fixed_rows_avx512_bw)(y, x, x_scales, w, levels, row, rows);
}

#pragma clang attribute pop
#endif
