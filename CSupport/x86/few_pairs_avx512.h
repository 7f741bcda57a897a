/// AVX-512: products of few tokens with rows of whole runs of 64 columns that lie in one block each. Eight codes a lane: 128 columns are one
/// load of codes. Forward sums up levels and scales the sum; backward scales dy. Include after the target pragma.
#ifndef QP_FEW_PAIRS_AVX512_H
#define QP_FEW_PAIRS_AVX512_H

#include <string.h>

#include "x86/pairs_avx512.h"
#include "x86/q4_bytes.h"

_Static_assert(QP_PAIR == QP_FEW_UNIT, "tasks of few_columns take whole pairs");

// Σ level * x of `n` tokens for `rows` loads of codes, in each lane of the eight columns whose codes it holds. Unless `is_pair`, both halves
// of a load are of the same columns. All of these, and `is_nested`, are constants of each call, here and below.
__attribute__((always_inline)) static inline void level_sums(__m512 found[4][4], const __m512i codes[4], const size_t rows, __m512 levels,
                                                             const float *x, size_t columns, const size_t n, const int is_pair) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    __m512 value[4];
#pragma clang loop unroll(full)
    for (size_t t = 0; t < n; t++) {
      const float *at = x + t * columns + (is_pair ? 16 : 8) * i;
      value[t] = is_pair ? _mm512_loadu_ps(at) : _mm512_broadcast_f32x8(_mm256_loadu_ps(at));
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      __m512 level = _mm512_permutexvar_ps(_mm512_srli_epi32(codes[r], (unsigned)(4 * i)), levels);  // looks at four bits of a lane
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) found[r][t] = i ? _mm512_fmadd_ps(level, value[t], found[r][t]) : _mm512_mul_ps(level, value[t]);
    }
  }
}

__attribute__((always_inline)) static inline void pair_rows(float *y, size_t ldy, const float *x, const qp_scales *s, size_t row,
                                                            const size_t rows, size_t from, size_t to, const size_t n,
                                                            const int is_nested, int accumulate) {
  const qp_matrix *w = s->w;
  size_t columns = w->columns, half = columns / 2, runs = columns / QP_RUN;
  unsigned shift = s->block_shift - qp_shift(QP_RUN);
  const uint8_t *rows_at = (const uint8_t *)w->values + row * half, *ask = rows_at + qp_rows_ahead(w, rows) * half;
  __m512 levels = _mm512_loadu_ps(w->levels), sum[4][4], nested[4], found[4][4];
  __m512i codes[4];
  for (size_t r = 0; r < 4; r++)
    for (size_t t = 0; t < n; t++) sum[t][r] = nested[r] = _mm512_setzero_ps();
  for (size_t b = from / QP_RUN; b < to / QP_RUN;) {
    size_t end = qp_begin_pairs(nested, s, shift, row, rows, runs, b, is_nested);
    for (end = end < to / QP_RUN ? end : to / QP_RUN; b + 2 <= end; b += 2) {
      // Rows to come lie in other pages: as many lines of them as a step takes.
      for (size_t i = 0; i < rows; i++) qp_ask(ask, (b / 2 * rows + i) * 64);
      for (size_t r = 0; r < rows; r++) codes[r] = _mm512_loadu_si512(rows_at + r * half + b * (QP_RUN / 2));
      level_sums(found, codes, rows, levels, x + b * QP_RUN, columns, n, 1);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        size_t run = (row + r) * runs + b;
        __m512 scales = qp_scale_pair(w, run, run + 1, nested[r], shift, is_nested, 1);
#pragma clang loop unroll(full)
        for (size_t t = 0; t < n; t++) sum[t][r] = _mm512_fmadd_ps(found[r][t], scales, sum[t][r]);
      }
    }
    if (b + 1 != end) continue;
    // The last run of rows of an odd number of them: of two rows at a time, each in a half.
    for (size_t r = 0; r < rows; r += 2) {
      const uint8_t *at = rows_at + r * half + b * (QP_RUN / 2);
      codes[r / 2] = qp_codes_of_two(at, r + 1 < rows ? at + half : at);
    }
    level_sums(found, codes, (rows + 1) / 2, levels, x + b * QP_RUN, columns, n, 0);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r += 2) {
      size_t other = r + 1 < rows ? r + 1 : r, run = (row + r) * runs + b;
      __m512 scales = _mm512_mask_blend_ps(0xff00, nested[r], nested[other]);
      scales = qp_scale_pair(w, run, run + (other - r) * runs, scales, shift, is_nested, 1);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) {
        sum[t][r] = _mm512_mask3_fmadd_ps(found[r / 2][t], scales, sum[t][r], 0x00ff);
        if (other != r) sum[t][other] = _mm512_mask3_fmadd_ps(found[r / 2][t], scales, sum[t][other], 0xff00);
      }
    }
    b++;
  }
  for (size_t t = 0; t < n; t++) qp_put_sums(y + t * ldy + row, sum[t], rows, accumulate);
}

// Adds Σ level * d over `loads` loads of codes, eight columns a lane, to sums[token][QP_FEW_STEP]. `loads` and `n` are constants of each call,
// here and below.
__attribute__((always_inline)) static inline void add_levels(float *sums, const __m512i codes[4], const __m512 d[4][4], __m512 levels,
                                                             const size_t loads, const size_t n) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    __m512 level[4];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < loads; r++) level[r] = _mm512_permutexvar_ps(_mm512_srli_epi32(codes[r], (unsigned)(4 * i)), levels);
#pragma clang loop unroll(full)
    for (size_t t = 0; t < n; t++) {
      float *at = sums + t * QP_FEW_STEP + 16 * i;
      __m512 sum = _mm512_load_ps(at);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < loads; r++) sum = _mm512_fmadd_ps(level[r], d[r][t], sum);
      _mm512_store_ps(at, sum);
    }
  }
}

// Adds `rows` rows from `first` on to sums, in the order of qp_few_arrange_avx512; of a last run alone two rows at a time, each in its
// half of a vector, and so are its sums. dy is scaled instead of levels.
__attribute__((always_inline)) static inline void pair_columns(float *sums, const float *dy, const qp_scales *s, size_t column,
                                                               size_t columns, size_t first, const size_t rows, const size_t n,
                                                               const int is_nested) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / QP_RUN, last = (column + columns) / QP_RUN;
  unsigned shift = s->block_shift - qp_shift(QP_RUN);
  const uint8_t *rows_at = (const uint8_t *)w->values + first * half;
  __m512 levels = _mm512_loadu_ps(w->levels), nested[4] = {0}, d[4][4];
  __m512i codes[4];
  dy += first;
  for (size_t b = column / QP_RUN; b < last;) {
    size_t end = qp_begin_pairs(nested, s, shift, first, rows, runs, b, is_nested);
    for (end = end < last ? end : last; b + 2 <= end; b += 2) {
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        // Rows lie far apart, nobody else sees them coming: a line of each of the next groups.
        qp_ask_for(s, (first + 2 * rows + r) * w->columns + b * QP_RUN);
        size_t run = (first + r) * runs + b;
        __m512 scales = qp_scale_pair(w, run, run + 1, nested[r], shift, is_nested, 1);
        codes[r] = _mm512_loadu_si512(rows_at + r * half + b * (QP_RUN / 2));
#pragma clang loop unroll(full)
        for (size_t t = 0; t < n; t++) d[r][t] = _mm512_mul_ps(scales, _mm512_set1_ps(dy[t * w->rows + r]));
      }
      add_levels(sums + b * QP_RUN - column, codes, d, levels, rows, n);
    }
    if (b + 1 != end) continue;
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r += 2) {
      size_t other = r + 1 < rows ? r + 1 : r, run = (first + r) * runs + b;
      __m512 scales = _mm512_mask_blend_ps(0xff00, nested[r], nested[other]);
      scales = qp_scale_pair(w, run, run + (other - r) * runs, scales, shift, is_nested, 1);
      const uint8_t *at = rows_at + r * half + b * (QP_RUN / 2);
      codes[r / 2] = qp_codes_of_two(at, at + (other - r) * half);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++)
        d[r / 2][t] = _mm512_maskz_mul_ps(other == r ? 0x00ff : 0xffff, scales,
                                          qp_spread_pair(dy + t * w->rows + r, dy + t * w->rows + other));
    }
    add_levels(sums + b * QP_RUN - column, codes, d, levels, (rows + 1) / 2, n);
    b++;
  }
}

// dx (+)= the sums of two runs, or of a last one alone.
static void put_pair(float *dx, const float *sums, int is_pair, int accumulate) {
  const __m512i order = _mm512_setr_epi32(16, 0, 48, 32, 80, 64, 112, 96, 17, 1, 49, 33, 81, 65, 113, 97);
  for (size_t i = 0; i < (is_pair ? 8 : 4); i++, dx += 16, sums += 2) {
    __m512 v = _mm512_i32gather_ps(order, sums, sizeof(float));
    if (!is_pair) v = _mm512_add_ps(v, _mm512_i32gather_ps(order, sums + 8, sizeof(float)));
    _mm512_storeu_ps(dx, accumulate ? _mm512_add_ps(_mm512_loadu_ps(dx), v) : v);
  }
}

__attribute__((always_inline)) static inline void all_pairs(float *dx, const float *dy, const qp_scales *s, size_t column,
                                                            size_t columns, const size_t n, int accumulate) {
  _Alignas(64) float sums[4 * QP_FEW_STEP];
  int is_nested = !s->w->absmax;
  size_t whole = (columns + QP_PAIR - 1) / QP_PAIR * QP_PAIR, row = 0;
  for (size_t t = 0; t < n; t++) memset(sums + t * QP_FEW_STEP, 0, whole * sizeof(float));
  for (; row + 4 <= s->w->rows; row += 4)
    if (is_nested)
      pair_columns(sums, dy, s, column, columns, row, 4, n, 1);
    else
      pair_columns(sums, dy, s, column, columns, row, 4, n, 0);
  for (; row < s->w->rows; row++) pair_columns(sums, dy, s, column, columns, row, 1, n, is_nested);
  for (size_t t = 0; t < n; t++)
    for (size_t c = 0; c < columns; c += QP_PAIR)
      put_pair(dx + t * s->w->columns + column + c, sums + t * QP_FEW_STEP + c, columns - c >= QP_PAIR, accumulate);
}

#endif
