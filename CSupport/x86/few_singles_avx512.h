/// AVX-512: products of few tokens with rows of any whole runs of 32 columns, for blocks of 32 and rows that 64 does not divide. A
/// table of levels is scaled once for every run, so a lookup gives the weight itself. Include after the target pragma.
#ifndef QP_FEW_SINGLES_AVX512_H
#define QP_FEW_SINGLES_AVX512_H

#include <string.h>

#include "x86/lanes_avx512.h"
#include "x86/q4_bytes.h"

// Where the scales of up to four rows are, of which no row takes another scale of scales before the run that begin_runs gives.
typedef struct {
  const float *absmax, *map;
  const uint8_t *codes;
  unsigned shift;
  __m512 nested[4], offset;
} row_scales;

__attribute__((always_inline)) static inline size_t begin_runs(row_scales *o, const qp_scales *s, size_t row, const size_t rows,
                                                               size_t runs, size_t b) {
  const qp_matrix *w = s->w;
  float nested[4] = {0};
  o->absmax = w->absmax, o->map = w->nested_map, o->codes = w->absmax_codes;
  o->shift = s->block_shift - qp_shift(32), o->offset = _mm512_set1_ps(w->nested_offset);
  size_t end = qp_nested_scales(nested, s, o->shift, row, rows, runs, b);
  for (size_t r = 0; r < rows; r++) o->nested[r] = _mm512_set1_ps(nested[r]);
  return end;
}

// The scale of a run of row r, in all lanes; each step is rounded, as where weights are decoded.
__attribute__((always_inline)) static inline __m512 scale_of(const row_scales *o, size_t r, size_t run) {
  size_t block = run >> o->shift;
  if (o->absmax) return qp_spread_avx512(o->absmax + block);
  return _mm512_add_ps(_mm512_mul_ps(qp_spread_avx512(o->map + o->codes[block]), o->nested[r]), o->offset);
}

// `rows` and `n` are constants of each call.
__attribute__((always_inline)) static inline void single_rows(float *y, size_t ldy, const float *x, const qp_scales *s, size_t row,
                                                              const size_t rows, size_t from, size_t to, const size_t n,
                                                              int accumulate) {
  const qp_matrix *w = s->w;
  size_t columns = w->columns, half = columns / 2, runs = columns / 32;
  const uint8_t *codes = (const uint8_t *)w->values + row * half, *ask = codes + qp_rows_ahead(w, rows) * half;
  row_scales o = {0};
  __m512 levels = _mm512_loadu_ps(w->levels), sum[4][4];
  for (size_t r = 0; r < 4; r++)
    for (size_t t = 0; t < n; t++) sum[t][r] = _mm512_setzero_ps();
  for (size_t b = from / 32; b < to / 32;) {
    size_t end = begin_runs(&o, s, row, rows, runs, b);
    for (end = end < to / 32 ? end : to / 32; b < end; b++) {
      qp_ask(ask, b % rows * half + b * 16);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        __m512 scaled = _mm512_mul_ps(levels, scale_of(&o, r, (row + r) * runs + b));
        __m512i pair = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(codes + r * half + b * 16)));
        __m512 even = _mm512_permutexvar_ps(_mm512_srli_epi32(pair, 4), scaled), odd = _mm512_permutexvar_ps(pair, scaled);
#pragma clang loop unroll(full)
        for (size_t t = 0; t < n; t++) {
          sum[t][r] = _mm512_fmadd_ps(even, _mm512_loadu_ps(x + t * columns + b * 32), sum[t][r]);
          sum[t][r] = _mm512_fmadd_ps(odd, _mm512_loadu_ps(x + t * columns + b * 32 + 16), sum[t][r]);
        }
      }
    }
  }
  for (size_t t = 0; t < n; t++) qp_put_sums(y + t * ldy + row, sum[t], rows, accumulate);
}

// Adds `rows` rows, a constant of each call, to sums[token][QP_FEW_STEP]; of every 32 columns the even ones come first.
__attribute__((always_inline)) static inline void single_columns(float *sums, const float *dy, const qp_scales *s, size_t column,
                                                                 size_t columns, size_t first, const size_t rows, size_t n) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / 32, last = (column + columns) / 32;
  const uint8_t *codes = (const uint8_t *)w->values + first * half;
  row_scales o = {0};
  __m512 levels = _mm512_loadu_ps(w->levels);
  for (size_t b = column / 32; b < last;) {
    size_t end = begin_runs(&o, s, first, rows, runs, b);
    for (end = end < last ? end : last; b < end; b++) {
      qp_ask_for(s, (first + 2 * rows + b % rows) * w->columns + b * 32);
      __m512 even[4], odd[4];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        __m512 scaled = _mm512_mul_ps(levels, scale_of(&o, r, (first + r) * runs + b));
        __m512i pair = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(codes + r * half + b * 16)));
        even[r] = _mm512_permutexvar_ps(_mm512_srli_epi32(pair, 4), scaled);
        odd[r] = _mm512_permutexvar_ps(pair, scaled);
      }
      for (size_t t = 0; t < n; t++) {
        float *sum = sums + t * QP_FEW_STEP + b * 32 - column;
        __m512 x = _mm512_load_ps(sum), z = _mm512_load_ps(sum + 16);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) {
          __m512 d = _mm512_set1_ps(dy[t * w->rows + first + r]);
          x = _mm512_fmadd_ps(even[r], d, x);
          z = _mm512_fmadd_ps(odd[r], d, z);
        }
        _mm512_store_ps(sum, x);
        _mm512_store_ps(sum + 16, z);
      }
    }
  }
}

static void put_single(float *dx, const float *sums, int accumulate) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  __m512 even = _mm512_load_ps(sums), odd = _mm512_load_ps(sums + 16);
  __m512 a = _mm512_permutex2var_ps(even, low, odd), b = _mm512_permutex2var_ps(even, high, odd);
  if (accumulate) a = _mm512_add_ps(_mm512_loadu_ps(dx), a), b = _mm512_add_ps(_mm512_loadu_ps(dx + 16), b);
  _mm512_storeu_ps(dx, a);
  _mm512_storeu_ps(dx + 16, b);
}

static void all_singles(float *dx, const float *dy, const qp_scales *s, size_t column, size_t columns, size_t n, int accumulate) {
  _Alignas(64) float sums[QP_FEW_MAX * QP_FEW_STEP];
  size_t row = 0;
  for (size_t t = 0; t < n; t++) memset(sums + t * QP_FEW_STEP, 0, columns * sizeof(float));
  for (; row + 4 <= s->w->rows; row += 4) single_columns(sums, dy, s, column, columns, row, 4, n);
  for (; row < s->w->rows; row++) single_columns(sums, dy, s, column, columns, row, 1, n);
  for (size_t t = 0; t < n; t++)
    for (size_t c = 0; c < columns; c += 32)
      put_single(dx + t * s->w->columns + column + c, sums + t * QP_FEW_STEP + c, accumulate);
}

#endif
