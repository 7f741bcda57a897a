/// AVX-512: products with few tokens. Weights are decoded into registers and used at once; nothing is packed. Of 4-bit codes most shapes
/// take two runs of 64 columns at a time (few_pairs_avx512.h), the rest runs of 32 (few_singles_avx512.h).
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#include "x86/few_pairs_avx512.h"
#include "x86/few_singles_avx512.h"
#include "x86/transpose_avx2.h"

int qp_few_takes_avx512(const qp_matrix *w, size_t n, int transposed) {
  if (qp_aligned_q4(w)) return n <= QP_FEW_MAX;
  return !transposed && w->storage != QP_Q4 && n <= 4;
}

// The columns of a run with the same place in a lane of eight codes beside each other, `step` numbers from those of the next place.
static void arrange_run(float *dst, size_t step, const float *x) {
  __m256 lanes[8];
  for (size_t i = 0; i < 8; i++) lanes[i] = _mm256_loadu_ps(x + 8 * i);
  qp_transpose8_avx2(lanes);
  for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(dst + (i ^ 1) * step, lanes[i]);  // of a byte the high nibble is the first
}

// Runs of 64 columns: of every two runs, and of a last one alone, as one vector for each place in a lane. Else, of every 32 columns, even
// ones, then odd ones: the order in which high and low nibbles come. Dense weights: as it is.
void qp_few_arrange_avx512(float *dst, const float *x, const qp_matrix *w) {
  size_t columns = w->columns, k = 0;
  if (w->storage != QP_Q4) {
    memcpy(dst, x, columns * sizeof(float));
  } else if (!qp_runs_of_64(w)) {
    for (; k < columns; k += 32)
      for (size_t i = 0; i < 32; i++) dst[k + i % 2 * 16 + i / 2] = x[k + i];
  } else {
    for (; k + QP_PAIR <= columns; k += QP_PAIR) arrange_run(dst + k, 16, x + k), arrange_run(dst + k + 8, 16, x + k + QP_RUN);
    if (k < columns) arrange_run(dst + k, 8, x + k);
  }
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

#include "x86/few_dense.h"

void qp_few_rows_avx512(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                        int accumulate) {
  if (qp_few_dense(y, ldy, x, w, row, rows, n, accumulate)) return;
  // Four tokens fill the registers; so many columns at a time that they stay in the nearest cache.
  qp_scales s = qp_scales_of(w);
  size_t block = n <= 2 ? w->columns : QP_FEW_DEPTH;
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

void qp_few_columns_avx512(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                           int accumulate) {
  qp_scales s = qp_scales_of(w);
  if (!qp_runs_of_64(w)) {
    all_singles(dx, dy, &s, column, columns, n, accumulate);
    return;
  }
  for (size_t t = 0; t < n; t += 4, dx += 4 * w->columns, dy += 4 * w->rows)  // four tokens fill the registers
    switch (n - t) {
      case 1: all_pairs(dx, dy, &s, column, columns, 1, accumulate); break;
      case 2: all_pairs(dx, dy, &s, column, columns, 2, accumulate); break;
      case 3: all_pairs(dx, dy, &s, column, columns, 3, accumulate); break;
      default: all_pairs(dx, dy, &s, column, columns, 4, accumulate); break;
    }
}

#pragma clang attribute pop
#endif
