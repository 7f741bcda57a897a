/// AVX2: products with few tokens. Weights are decoded into registers and used at once; nothing is packed.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "x86/lanes_avx2.h"
#include "x86/planes_avx2.h"
#include "x86/q4_bytes.h"

int qp_few_takes_avx2(const qp_matrix *w, size_t n, int transposed) {
  if (qp_aligned_q4(w)) return n <= QP_FEW_MAX;
  return !transposed && w->storage != QP_Q4 && n <= 4;
}

// The order in which qp_levels32 gives the nibbles of qp_split: 4 even columns, 4 odd ones, and so on. Dense: as it is.
void qp_few_arrange_avx2(float *dst, const float *x, const qp_matrix *w) {
  if (w->storage != QP_Q4) {
    memcpy(dst, x, w->columns * sizeof(float));
    return;
  }
  for (size_t k = 0; k < w->columns; k += 8)
    for (size_t i = 0; i < 4; i++) dst[k + i] = x[k + 2 * i], dst[k + 4 + i] = x[k + 2 * i + 1];
}

// The scale of a run in all lanes, where 2^shift runs share one and `nested` is its scale of scales; each step is rounded, as where
// weights are decoded.
__attribute__((always_inline)) static inline __m256 scale_of(const qp_matrix *w, size_t run, unsigned shift, const float *nested) {
  size_t block = run >> shift;
  if (w->absmax) return qp_spread_avx2(w->absmax + block);
  __m256 scaled = _mm256_mul_ps(qp_spread_avx2(w->nested_map + w->absmax_codes[block]), _mm256_broadcast_ss(nested));
  return _mm256_add_ps(scaled, _mm256_broadcast_ss(&w->nested_offset));
}

// `n` and `run`, the columns of a step, which lie in one block, are constants of each call. Levels are summed up, and the sum is scaled.
__attribute__((always_inline)) static inline void q4_row(float *y, size_t ldy, const float *x, const qp_scales *s,
                                                         const __m256i planes[4], size_t row, const size_t n, const size_t run,
                                                         int accumulate) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / run;
  const uint8_t *codes = (const uint8_t *)w->values + row * half, *ask = codes + qp_rows_ahead(w, 2) * half;
  unsigned shift = s->block_shift - qp_shift(run);
  __m256 sum[4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) sum[t] = _mm256_setzero_ps();
  for (size_t b = 0; b < runs;) {
    float nested;
    for (size_t end = qp_nested_scales(&nested, s, shift, row, 1, runs, b); b < end; b++) {
      qp_ask(ask, b * run / 2);  // rows lie in different pages
      __m256 part[4];
#pragma clang loop unroll(full)
      for (size_t k = b * run; k < b * run + run; k += 32) {
        __m256 v[4];
        qp_levels32(v, planes, qp_split(_mm_loadu_si128((const __m128i *)(codes + k / 2))));
#pragma clang loop unroll(full)
        for (size_t t = 0; t < n; t++) {
          const float *at = x + t * w->columns + k;
          __m256 first = _mm256_loadu_ps(at);
          part[t] = k == b * run ? _mm256_mul_ps(v[0], first) : _mm256_fmadd_ps(v[0], first, part[t]);
#pragma clang loop unroll(full)
          for (int i = 1; i < 4; i++) part[t] = _mm256_fmadd_ps(v[i], _mm256_loadu_ps(at + 8 * i), part[t]);
        }
      }
      __m256 scale = scale_of(w, row * runs + b, shift, &nested);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) sum[t] = _mm256_fmadd_ps(part[t], scale, sum[t]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) {
    float *out = y + t * ldy + row, value = qp_total(sum[t]);
    *out = accumulate ? *out + value : value;
  }
}

__attribute__((always_inline)) static inline void q4_tokens(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row,
                                                            size_t end, size_t n, const size_t run, int accumulate) {
  qp_scales s = qp_scales_of(w);
  __m256i planes[4];
  qp_planes(planes, w->levels);
  for (; row < end; row++) switch (n) {
      case 1: q4_row(y, ldy, x, &s, planes, row, 1, run, accumulate); break;
      case 2: q4_row(y, ldy, x, &s, planes, row, 2, run, accumulate); break;
      case 3: q4_row(y, ldy, x, &s, planes, row, 3, run, accumulate); break;
      default: q4_row(y, ldy, x, &s, planes, row, 4, run, accumulate); break;
    }
}

__attribute__((always_inline)) static inline __m256 dense8(const qp_matrix *w, const qp_storage storage, size_t at) {
  if (storage == QP_F32) return _mm256_loadu_ps((const float *)w->values + at);
  __m128i half = _mm_loadu_si128((const __m128i *)((const uint16_t *)w->values + at));
  if (storage == QP_F16) return _mm256_cvtph_ps(half);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

// `storage` and `n` are constants of each call. Four sums for each token, taken in turns, or two where tokens are many; one row
// at a time streams best.
__attribute__((always_inline)) static inline void dense_row(float *y, size_t ldy, const float *x, const qp_matrix *w,
                                                            const qp_storage storage, size_t row, const size_t n,
                                                            int accumulate) {
  size_t columns = w->columns, whole = columns / 32 * 32;
  const size_t turns = n > 2 ? 2 : 4;
  __m256 sum[4][4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) sum[t][0] = sum[t][1] = sum[t][2] = sum[t][3] = _mm256_setzero_ps();
  for (size_t k = 0; k < whole; k += 32)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++) {
      __m256 v = dense8(w, storage, row * columns + k + 8 * i);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) {
        __m256 *to = &sum[t][i % turns];
        *to = _mm256_fmadd_ps(v, _mm256_loadu_ps(x + t * columns + k + 8 * i), *to);
      }
    }
  float rest[32];
  qp_decode_run(&qp_kernels_avx2, rest, w, row * columns + whole, columns - whole);
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) {
    float value = qp_total(_mm256_add_ps(_mm256_add_ps(sum[t][0], sum[t][1]), _mm256_add_ps(sum[t][2], sum[t][3])));
    for (size_t k = whole; k < columns; k++) value += rest[k - whole] * x[t * columns + k];
    float *out = y + t * ldy + row;
    *out = accumulate ? *out + value : value;
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

void qp_few_rows_avx2(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                      int accumulate) {
  switch (w->storage) {
    case QP_F32: dense(y, ldy, x, w, QP_F32, row, row + rows, n, accumulate); return;
    case QP_F16: dense(y, ldy, x, w, QP_F16, row, row + rows, n, accumulate); return;
    case QP_BF16: dense(y, ldy, x, w, QP_BF16, row, row + rows, n, accumulate); return;
    default: break;
  }
  for (size_t t = 0; t < n; t += 4, y += 4 * ldy, x += 4 * w->columns)  // four tokens fill the registers
    if (qp_runs_of_64(w))
      q4_tokens(y, ldy, x, w, row, row + rows, n - t, 64, accumulate);
    else
      q4_tokens(y, ldy, x, w, row, row + rows, n - t, 32, accumulate);
}

// Adds `rows` rows from `first` on to sums[token][columns], in the order of qp_few_arrange_avx2. `rows` and `run`, as in q4_row, are
// constants of each call.
__attribute__((always_inline)) static inline void q4_columns(float *sums, const float *dy, const qp_scales *s,
                                                             const __m256i planes[4], size_t column, size_t columns,
                                                             size_t first, const size_t rows, size_t n, const size_t run) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / run, last = (column + columns) / run;
  const uint8_t *codes = (const uint8_t *)w->values + first * half;
  unsigned shift = s->block_shift - qp_shift(run);
  for (size_t b = column / run; b < last;) {
    float nested[2];
    size_t end = qp_nested_scales(nested, s, shift, first, rows, runs, b);
    for (end = end < last ? end : last; b < end; b++) {
      __m256 scale[2];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) scale[r] = scale_of(w, (first + r) * runs + b, shift, nested + r);
      for (size_t k = b * run; k < b * run + run; k += 32) {
        // Rows lie far apart, nobody else sees them coming: each 32 columns ask for a line of one row of the next groups.
        qp_ask_for(s, (first + 4 * rows + k / 32 % rows) * w->columns + k);
        __m256 v[2][4];
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++)
          qp_levels32(v[r], planes, qp_split(_mm_loadu_si128((const __m128i *)(codes + r * half + k / 2))));
        for (size_t t = 0; t < n; t++) {
          __m256 d[2];
#pragma clang loop unroll(full)
          for (size_t r = 0; r < rows; r++) d[r] = _mm256_mul_ps(scale[r], _mm256_broadcast_ss(dy + t * w->rows + first + r));
#pragma clang loop unroll(full)
          for (size_t i = 0; i < 4; i++) {
            float *at = sums + t * QP_FEW_COLUMNS + k - column + 8 * i;
            __m256 sum = _mm256_loadu_ps(at);
#pragma clang loop unroll(full)
            for (size_t r = 0; r < rows; r++) sum = _mm256_fmadd_ps(v[r][i], d[r], sum);
            _mm256_storeu_ps(at, sum);
          }
        }
      }
    }
  }
}

__attribute__((always_inline)) static inline void all_columns(float *sums, const float *dy, const qp_matrix *w, size_t column,
                                                              size_t columns, size_t n, const size_t run) {
  qp_scales s = qp_scales_of(w);
  __m256i planes[4];
  qp_planes(planes, w->levels);
  size_t row = 0;
  for (; row + 2 <= w->rows; row += 2) q4_columns(sums, dy, &s, planes, column, columns, row, 2, n, run);
  for (; row < w->rows; row++) q4_columns(sums, dy, &s, planes, column, columns, row, 1, n, run);
}

void qp_few_columns_avx2(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                         int accumulate) {
  float sums[QP_FEW_MAX * QP_FEW_COLUMNS];
  for (size_t t = 0; t < n; t++) memset(sums + t * QP_FEW_COLUMNS, 0, columns * sizeof(float));
  if (qp_runs_of_64(w))
    all_columns(sums, dy, w, column, columns, n, 64);
  else
    all_columns(sums, dy, w, column, columns, n, 32);
  for (size_t t = 0; t < n; t++)
    for (size_t c = 0; c < columns; c++) {
      float *out = dx + t * w->columns + column + c, value = sums[t * QP_FEW_COLUMNS + c / 8 * 8 + c % 2 * 4 + c % 8 / 2];
      *out = accumulate ? *out + value : value;
    }
}

#pragma clang attribute pop
#endif
