/// AVX-512: products with few tokens. Weights are decoded into registers and used at once; nothing is packed. Forward sums up levels and
/// scales the sum; backward scales the table of levels, so that a lookup gives the weight itself.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#include "x86/lanes_avx512.h"
#include "x86/pairs_avx512.h"
#include "x86/q4_bytes.h"

int qp_few_takes_avx512(const qp_matrix *w, size_t n, int transposed) {
  if (qp_aligned_q4(w)) return n <= QP_FEW_MAX;
  return !transposed && w->storage != QP_Q4 && n <= 4;
}

// Runs of 64 columns: of every two runs the columns with the same place in a lane of eight codes beside each other, and so of a last one
// alone. Else, of every 32 columns, even ones, then odd ones: the order in which high and low nibbles come. Dense weights: as it is.
void qp_few_arrange_avx512(float *dst, const float *x, const qp_matrix *w) {
  if (w->storage != QP_Q4) {
    memcpy(dst, x, w->columns * sizeof(float));
    return;
  }
  int is_pairs = qp_runs_of_64(w);
  for (size_t k = 0, width; k < w->columns; k += width) {
    width = !is_pairs ? 32 : w->columns - k < QP_PAIR ? QP_RUN : QP_PAIR;
    for (size_t i = 0; i < width; i++)
      dst[k + (is_pairs ? (i % 8 ^ 1) * (width / 8) + i / 8 : i % 2 * 16 + i / 2)] = x[k + i];
  }
}

// Where the scales of up to four rows are, of which no row takes another scale of scales before the run that begin_runs gives.
typedef struct {
  const float *absmax, *map;
  const uint8_t *codes;
  unsigned shift;
  __m512 nested[4], offset;
} row_scales;

__attribute__((always_inline)) static inline size_t begin_runs(row_scales *o, const qp_scales *s, size_t row, const size_t rows,
                                                               const size_t run, size_t runs, size_t b) {
  const qp_matrix *w = s->w;
  float nested[4] = {0};
  o->absmax = w->absmax, o->map = w->nested_map, o->codes = w->absmax_codes;
  o->shift = s->block_shift - qp_shift(run), o->offset = _mm512_set1_ps(w->nested_offset);
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

// The same for any multiple of 32 columns, and blocks of 32.
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
    size_t end = begin_runs(&o, s, row, rows, 32, runs, b);
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

typedef enum { SINGLES, PAIRS, NESTED_PAIRS } q4_way;

// `way` is a constant of each call, here and below.
__attribute__((always_inline)) static inline void q4_rows(float *y, size_t ldy, const float *x, const qp_scales *s, size_t row,
                                                          const size_t rows, size_t from, size_t to, const size_t n, const q4_way way,
                                                          int accumulate) {
  if (way == SINGLES)
    single_rows(y, ldy, x, s, row, rows, from, to, n, accumulate);
  else
    pair_rows(y, ldy, x, s, row, rows, from, to, n, way == NESTED_PAIRS, accumulate);
}

// Rows in groups of `group`, a constant, for `n` tokens, another one.
__attribute__((always_inline)) static inline void q4_groups(float *y, size_t ldy, const float *x, const qp_scales *s, size_t row,
                                                            size_t end, const size_t group, size_t from, size_t to, const size_t n,
                                                            const q4_way way, int accumulate) {
  for (; row + group <= end; row += group) q4_rows(y, ldy, x, s, row, group, from, to, n, way, accumulate);
  for (; row < end; row++) q4_rows(y, ldy, x, s, row, 1, from, to, n, way, accumulate);
}

__attribute__((always_inline)) static inline void q4_block(float *y, size_t ldy, const float *x, const qp_scales *s, size_t row,
                                                           size_t end, size_t from, size_t to, size_t n, const q4_way way,
                                                           int accumulate) {
  switch (n) {
    case 1: q4_groups(y, ldy, x, s, row, end, 4, from, to, 1, way, accumulate); break;
    case 2: q4_groups(y, ldy, x, s, row, end, 4, from, to, 2, way, accumulate); break;
    case 3: q4_groups(y, ldy, x, s, row, end, 2, from, to, 3, way, accumulate); break;
    default: q4_groups(y, ldy, x, s, row, end, 2, from, to, 4, way, accumulate); break;
  }
}

__attribute__((always_inline)) static inline __m512 dense16(const qp_matrix *w, const qp_storage storage, size_t at,
                                                            __mmask16 mask) {
  if (storage == QP_F32) return _mm512_maskz_loadu_ps(mask, (const float *)w->values + at);
  __m256i half = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)w->values + at);
  if (storage == QP_F16) return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

// `storage` and `n` are constants of each call. Four sums for each token, taken in turns; one row at a time streams best.
__attribute__((always_inline)) static inline void dense_row(float *y, size_t ldy, const float *x, const qp_matrix *w,
                                                            const qp_storage storage, size_t row, const size_t n,
                                                            int accumulate) {
  size_t columns = w->columns, whole = columns / 64 * 64;
  __m512 sum[4][4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) sum[t][0] = sum[t][1] = sum[t][2] = sum[t][3] = _mm512_setzero_ps();
  for (size_t k = 0; k < whole; k += 64)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++) {
      __m512 v = dense16(w, storage, row * columns + k + 16 * i, 0xffff);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++)
        sum[t][i] = _mm512_fmadd_ps(v, _mm512_loadu_ps(x + t * columns + k + 16 * i), sum[t][i]);
    }
  for (size_t k = whole; k < columns; k += 16) {
    __mmask16 mask = qp_mask_of(columns - k);
    __m512 v = dense16(w, storage, row * columns + k, mask);
#pragma clang loop unroll(full)
    for (size_t t = 0; t < n; t++)
      sum[t][0] = _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(mask, x + t * columns + k), sum[t][0]);
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) {
    __m512 four = _mm512_add_ps(_mm512_add_ps(sum[t][0], sum[t][1]), _mm512_add_ps(sum[t][2], sum[t][3]));
    float *out = y + t * ldy + row, total = _mm512_reduce_add_ps(four);
    *out = accumulate ? *out + total : total;
  }
}

#define DENSE(N)                                                                               \
  case N:                                                                                      \
    for (; row < end; row++) dense_row(y, ldy, x, w, storage, row, N, accumulate);             \
    break;

__attribute__((always_inline)) static inline void dense(float *y, size_t ldy, const float *x, const qp_matrix *w,
                                                        const qp_storage storage, size_t row, size_t end, size_t n,
                                                        int accumulate) {
  switch (n) { DENSE(1) DENSE(2) DENSE(3) DENSE(4) }
}

void qp_few_rows_avx512(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                        int accumulate) {
  switch (w->storage) {
    case QP_F32: dense(y, ldy, x, w, QP_F32, row, row + rows, n, accumulate); return;
    case QP_F16: dense(y, ldy, x, w, QP_F16, row, row + rows, n, accumulate); return;
    case QP_BF16: dense(y, ldy, x, w, QP_BF16, row, row + rows, n, accumulate); return;
    default: break;
  }
  // Four tokens fill the registers; so many columns at a time that they stay in the nearest cache.
  qp_scales s = qp_scales_of(w);
  size_t block = n <= 2 ? w->columns : 1536;
  for (size_t from = 0; from < w->columns; from += block) {
    size_t to = w->columns - from < block ? w->columns : from + block;
    int adds = accumulate || from > 0;
    for (size_t t = 0; t < n; t += 4)
      if (!qp_runs_of_64(w))
        q4_block(y + t * ldy, ldy, x + t * w->columns, &s, row, row + rows, from, to, n - t, SINGLES, adds);
      else if (w->absmax)
        q4_block(y + t * ldy, ldy, x + t * w->columns, &s, row, row + rows, from, to, n - t, PAIRS, adds);
      else
        q4_block(y + t * ldy, ldy, x + t * w->columns, &s, row, row + rows, from, to, n - t, NESTED_PAIRS, adds);
  }
}

// Adds `rows` rows from `first` on to sums[token][columns]; of every 32 columns the even ones come first. `rows` and `run`, as in
// q4_rows, are constants of each call.
__attribute__((always_inline)) static inline void q4_columns(float *sums, const float *dy, const qp_scales *s, size_t column,
                                                             size_t columns, size_t first, const size_t rows, size_t n,
                                                             const size_t run) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / run, last = (column + columns) / run;
  const uint8_t *codes = (const uint8_t *)w->values + first * half;
  row_scales o = {0};
  __m512 levels = _mm512_loadu_ps(w->levels);
  for (size_t b = column / run; b < last;) {
    size_t end = begin_runs(&o, s, first, rows, run, runs, b);
    for (end = end < last ? end : last; b < end; b++) {
      __m512 scaled[4];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) scaled[r] = _mm512_mul_ps(levels, scale_of(&o, r, (first + r) * runs + b));
#pragma clang loop unroll(full)
      for (size_t k = b * run; k < b * run + run; k += 32) {
        // Rows lie far apart, nobody else sees them coming: each 32 columns ask for a line of one row of the next groups.
        qp_ask_for(s, (first + 2 * rows + k / 32 % rows) * w->columns + k);
        __m512 even[4], odd[4];
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) {
          __m512i pair = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(codes + r * half + k / 2)));
          even[r] = _mm512_permutexvar_ps(_mm512_srli_epi32(pair, 4), scaled[r]);
          odd[r] = _mm512_permutexvar_ps(pair, scaled[r]);
        }
        for (size_t t = 0; t < n; t++) {
          float *sum = sums + t * QP_FEW_COLUMNS + k - column;
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
}

__attribute__((always_inline)) static inline void all_columns(float *sums, const float *dy, const qp_scales *s, size_t column,
                                                              size_t columns, size_t n, const size_t run) {
  size_t row = 0;
  for (; row + 4 <= s->w->rows; row += 4) q4_columns(sums, dy, s, column, columns, row, 4, n, run);
  for (; row < s->w->rows; row++) q4_columns(sums, dy, s, column, columns, row, 1, n, run);
}

static void add_columns(float *dx, const float *sums, int accumulate) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  __m512 even = _mm512_load_ps(sums), odd = _mm512_load_ps(sums + 16);
  __m512 a = _mm512_permutex2var_ps(even, low, odd), b = _mm512_permutex2var_ps(even, high, odd);
  if (accumulate) a = _mm512_add_ps(_mm512_loadu_ps(dx), a), b = _mm512_add_ps(_mm512_loadu_ps(dx + 16), b);
  _mm512_storeu_ps(dx, a);
  _mm512_storeu_ps(dx + 16, b);
}

void qp_few_columns_avx512(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                           int accumulate) {
  qp_scales s = qp_scales_of(w);
  _Alignas(64) float sums[QP_FEW_MAX * QP_FEW_COLUMNS];
  for (size_t t = 0; t < n; t++) memset(sums + t * QP_FEW_COLUMNS, 0, columns * sizeof(float));
  if (qp_runs_of_64(w))
    all_columns(sums, dy, &s, column, columns, n, 64);
  else
    all_columns(sums, dy, &s, column, columns, n, 32);
  for (size_t t = 0; t < n; t++)
    for (size_t c = 0; c < columns; c += 32)
      add_columns(dx + t * w->columns + column + c, sums + t * QP_FEW_COLUMNS + c, accumulate);
}

#pragma clang attribute pop
#endif
