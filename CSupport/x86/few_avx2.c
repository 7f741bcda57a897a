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

// Levels of 32 columns of a run of 64, `part` 0 the even ones, 1 the odd ones, four of the first half of the run in each v[i] and four of
// the second; or of a run of 32, four even ones in each v[i] and four odd ones. `run` is a constant of each call, here and below.
__attribute__((always_inline)) static inline void levels_of_run(__m256 v[4], const __m256i planes[4], const uint8_t *codes,
                                                                const size_t run, const size_t part) {
  if (run == 64) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)codes);
    qp_levels32(v, planes, _mm256_and_si256(part ? bytes : _mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15)));
  } else {
    qp_levels32(v, planes, qp_split(_mm_loadu_si128((const __m128i *)codes)));
  }
}

// The order of levels_of_run. Dense: as it is.
void qp_few_arrange_avx2(float *dst, const float *x, const qp_matrix *w) {
  size_t columns = w->columns;
  if (w->storage != QP_Q4) {
    memcpy(dst, x, columns * sizeof(float));
  } else if (qp_runs_of_64(w)) {
    for (size_t k = 0; k < columns; k += 64)
      for (size_t i = k; i < k + 32; i += 8) {
        __m256 first = _mm256_loadu_ps(x + i), second = _mm256_loadu_ps(x + i + 32);
        __m256 a = _mm256_permute2f128_ps(first, second, 0x20), b = _mm256_permute2f128_ps(first, second, 0x31);
        _mm256_storeu_ps(dst + i, _mm256_shuffle_ps(a, b, 0x88));
        _mm256_storeu_ps(dst + i + 32, _mm256_shuffle_ps(a, b, 0xdd));
      }
  } else {
    for (size_t k = 0; k < columns; k += 8)
      for (size_t i = 0; i < 4; i++) dst[k + i] = x[k + 2 * i], dst[k + 4 + i] = x[k + 2 * i + 1];
  }
}

// The scale of a run in all lanes, where 2^shift runs share one and `nested` is its scale of scales; each step is rounded, as where
// weights are decoded.
__attribute__((always_inline)) static inline __m256 scale_of(const qp_matrix *w, size_t run, unsigned shift, const float *nested) {
  size_t block = run >> shift;
  if (w->absmax) return qp_spread_avx2(w->absmax + block);
  __m256 scaled = _mm256_mul_ps(qp_spread_avx2(w->nested_map + w->absmax_codes[block]), _mm256_broadcast_ss(nested));
  return _mm256_add_ps(scaled, _mm256_broadcast_ss(&w->nested_offset));
}

// `n` is a constant of each call, and the columns of a step lie in one block. Levels are summed up, and the sum is scaled.
__attribute__((always_inline)) static inline void q4_row(float *y, size_t ldy, const float *x, const qp_scales *s,
                                                         const __m256i planes[4], size_t row, size_t from, size_t to, const size_t n,
                                                         const size_t run, int accumulate) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / run;
  const uint8_t *codes = (const uint8_t *)w->values + row * half, *ask = codes + qp_rows_ahead(w, 2) * half;
  unsigned shift = s->block_shift - qp_shift(run);
  __m256 sum[4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) sum[t] = _mm256_setzero_ps();
  for (size_t b = from / run; b < to / run;) {
    float nested;
    size_t end = qp_nested_scales(&nested, s, shift, row, 1, runs, b);
    for (end = end < to / run ? end : to / run; b < end; b++) {
      qp_ask(ask, b * run / 2);  // rows lie in different pages
      __m256 v[4], found[4], other[4];  // two sums where tokens are too few to hide how long one takes
#pragma clang loop unroll(full)
      for (size_t part = 0; part < run / 32; part++) {
        levels_of_run(v, planes, codes + b * run / 2, run, part);
#pragma clang loop unroll(full)
        for (size_t t = 0; t < n; t++) {
          const float *at = x + t * w->columns + b * run + 32 * part;
          __m256 *second = n <= 2 ? other + t : found + t;
          found[t] = part ? _mm256_fmadd_ps(v[0], _mm256_loadu_ps(at), found[t]) : _mm256_mul_ps(v[0], _mm256_loadu_ps(at));
          *second = part || n > 2 ? _mm256_fmadd_ps(v[1], _mm256_loadu_ps(at + 8), *second) : _mm256_mul_ps(v[1], _mm256_loadu_ps(at + 8));
          found[t] = _mm256_fmadd_ps(v[2], _mm256_loadu_ps(at + 16), found[t]);
          *second = _mm256_fmadd_ps(v[3], _mm256_loadu_ps(at + 24), *second);
        }
      }
      __m256 scale = scale_of(w, row * runs + b, shift, &nested);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) sum[t] = _mm256_fmadd_ps(n <= 2 ? _mm256_add_ps(found[t], other[t]) : found[t], scale, sum[t]);
    }
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) {
    float *out = y + t * ldy + row, value = qp_total(sum[t]);
    *out = accumulate ? *out + value : value;
  }
}

__attribute__((always_inline)) static inline void q4_tokens(float *y, size_t ldy, const float *x, const qp_scales *s,
                                                            const __m256i planes[4], size_t row, size_t end, size_t from, size_t to,
                                                            size_t n, const size_t run, int accumulate) {
  for (; row < end; row++) switch (n) {
      case 1: q4_row(y, ldy, x, s, planes, row, from, to, 1, run, accumulate); break;
      case 2: q4_row(y, ldy, x, s, planes, row, from, to, 2, run, accumulate); break;
      case 3: q4_row(y, ldy, x, s, planes, row, from, to, 3, run, accumulate); break;
      default: q4_row(y, ldy, x, s, planes, row, from, to, 4, run, accumulate); break;
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

#include "x86/few_dense.h"

void qp_few_rows_avx2(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                      int accumulate) {
  if (qp_few_dense(y, ldy, x, w, row, rows, n, accumulate)) return;
  // Four tokens fill the registers; so many columns at a time that they stay in the nearest cache.
  qp_scales s = qp_scales_of(w);
  __m256i planes[4];
  qp_planes(planes, w->levels);
  size_t columns = w->columns, block = n <= 2 ? columns : QP_FEW_DEPTH;
  for (size_t from = 0; from < columns; from += block) {
    size_t to = columns - from < block ? columns : from + block;
    int adds = accumulate || from > 0;
    for (size_t t = 0; t < n; t += 4)
      if (qp_runs_of_64(w))
        q4_tokens(y + t * ldy, ldy, x + t * columns, &s, planes, row, row + rows, from, to, n - t, 64, adds);
      else
        q4_tokens(y + t * ldy, ldy, x + t * columns, &s, planes, row, row + rows, from, to, n - t, 32, adds);
  }
}

// Adds `rows` rows from `first` on to sums[token][QP_FEW_STEP], in the order of levels_of_run. `rows` is a constant of each call.
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
      for (size_t r = 0; r < rows; r++) {
        // Rows lie far apart, nobody else sees them coming: a line of each of the next groups.
        qp_ask_for(s, (first + 4 * rows + r) * w->columns + b * run);
        scale[r] = scale_of(w, (first + r) * runs + b, shift, nested + r);
      }
      for (size_t part = 0; part < run / 32; part++) {
        __m256 v[2][4];
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) levels_of_run(v[r], planes, codes + r * half + b * run / 2, run, part);
        for (size_t t = 0; t < n; t++) {
          __m256 d[2];
#pragma clang loop unroll(full)
          for (size_t r = 0; r < rows; r++) d[r] = _mm256_mul_ps(scale[r], _mm256_broadcast_ss(dy + t * w->rows + first + r));
#pragma clang loop unroll(full)
          for (size_t i = 0; i < 4; i++) {
            float *at = sums + t * QP_FEW_STEP + b * run - column + 32 * part + 8 * i;
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

static inline void put(float *dx, __m256 sums, int accumulate) {
  _mm256_storeu_ps(dx, accumulate ? _mm256_add_ps(_mm256_loadu_ps(dx), sums) : sums);
}

// The other way round than qp_few_arrange_avx2.
static void put_columns(float *dx, const float *sums, size_t columns, int is_long, int accumulate) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  for (size_t k = 0; !is_long && k < columns; k += 8)
    put(dx + k, _mm256_permutevar8x32_ps(_mm256_loadu_ps(sums + k), order), accumulate);
  for (size_t k = 0; is_long && k < columns; k += 64)
    for (size_t i = k; i < k + 32; i += 8) {
      __m256 even = _mm256_loadu_ps(sums + i), odd = _mm256_loadu_ps(sums + i + 32);
      __m256 a = _mm256_unpacklo_ps(even, odd), b = _mm256_unpackhi_ps(even, odd);
      put(dx + i, _mm256_permute2f128_ps(a, b, 0x20), accumulate);
      put(dx + i + 32, _mm256_permute2f128_ps(a, b, 0x31), accumulate);
    }
}

void qp_few_columns_avx2(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                         int accumulate) {
  float sums[QP_FEW_MAX * QP_FEW_STEP];
  int is_long = qp_runs_of_64(w);
  for (size_t t = 0; t < n; t++) memset(sums + t * QP_FEW_STEP, 0, columns * sizeof(float));
  if (is_long)
    all_columns(sums, dy, w, column, columns, n, 64);
  else
    all_columns(sums, dy, w, column, columns, n, 32);
  for (size_t t = 0; t < n; t++)
    put_columns(dx + t * w->columns + column, sums + t * QP_FEW_STEP, columns, is_long, accumulate);
}

#pragma clang attribute pop
#endif
