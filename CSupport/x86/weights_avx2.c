/// AVX2: decoding of weights, alone and into panels.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx2.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "x86/planes_avx2.h"
#include "x86/q4_bytes.h"
#include "x86/transpose_avx2.h"

enum {
  NR = QP_AVX2_NR,
  AHEAD = 48,               // rows of halves that are asked for ahead of time
  HALF_COLUMNS = 4 * NR,  // whose panels are filled together
};

void qp_decode_q4_avx2(float *y, const uint8_t *codes, const float *levels, float scale, size_t count) {
  __m256i planes[4];
  __m256 v[4], s = _mm256_set1_ps(scale);
  qp_planes(planes, levels);
  for (size_t i = 0; i < count; i += 32) {
    uint8_t rest[16] = {0};
    float last[32];
    size_t part = count - i < 32 ? count - i : 32;
    const uint8_t *at = codes + i / 2;
    if (part < 32) at = memcpy(rest, at, (part + 1) / 2);
    float *to = part < 32 ? last : y + i;
    qp_levels32(v, planes, qp_pair(at, at + 8));
    for (int j = 0; j < 4; j++) {
      __m256 values = _mm256_mul_ps(v[j], s);
      _mm_storeu_ps(to + 4 * j, _mm256_castps256_ps128(values));
      _mm_storeu_ps(to + 16 + 4 * j, _mm256_extractf128_ps(values, 1));
    }
    if (part < 32) memcpy(y + i, last, part * sizeof(float));
  }
}

void qp_decode_f16_avx2(float *y, const uint16_t *x, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
  for (; i < count; i++) y[i] = _cvtsh_ss(x[i]);
}

static inline __m256 wide(const uint16_t *x, const qp_storage storage) {
  __m128i half = _mm_loadu_si128((const __m128i *)x);
  if (storage == QP_F16) return _mm256_cvtph_ps(half);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

// The lower and the upper halves of eight pairs.
__attribute__((always_inline)) static inline void split_pairs(__m256 halves[2], __m256i pairs, const qp_storage storage) {
  if (storage == QP_F16) {
    __m256i four = _mm256_packus_epi32(_mm256_and_si256(pairs, _mm256_set1_epi32(0xffff)), _mm256_srli_epi32(pairs, 16));
    four = _mm256_permute4x64_epi64(four, 0xd8);
    halves[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(four));
    halves[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(four, 1));
  } else {
    halves[0] = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    halves[1] = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000)));
  }
}

// Sixteen whole rows; kc a multiple of 16. Two columns are transposed as one lane.
__attribute__((always_inline)) static inline void half_rows(float *dst, const uint16_t *x, const qp_storage storage,
                                                            size_t ld, size_t kc) {
  for (size_t k = 0; k < kc; k += 16)
    for (size_t i = 0; i < NR; i += 8) {
      __m256 r[8], halves[2];
      if ((size_t)(x + k) % 64 < 32)
        for (size_t j = 0; j < 8; j++) qp_ask_second(x, 2 * ((i + j + AHEAD) * ld + k));
      for (size_t j = 0; j < 8; j++) r[j] = _mm256_loadu_ps((const float *)(x + (i + j) * ld + k));
      qp_transpose8_avx2(r);
      for (size_t j = 0; j < 8; j++) {
        split_pairs(halves, _mm256_castps_si256(r[j]), storage);
        _mm256_storeu_ps(dst + (k + 2 * j) * NR + i, halves[0]);
        _mm256_storeu_ps(dst + (k + 2 * j + 1) * NR + i, halves[1]);
      }
    }
}

// rows[i] byte j -> columns[j] byte i.
static inline void transpose_bytes(__m128i columns[16], const __m128i rows[16]) {
  __m128i a[16], b[16];
  for (int i = 0; i < 8; i++) {  // interleave row i with row i + 8, four times: each pass moves one bit of the index
    a[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
    a[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
    b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 8]);
    a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    columns[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
    columns[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
  }
}

// The 16 bytes of codes of 32 columns of up to 16 rows, transposed, and the scales of those rows (0 past `rows`). Unless `first`,
// `scales` hold what the 32 columns before left.
static inline void load_codes(__m128i columns[16], __m128 scales[4], const qp_scales *s, size_t row, size_t rows,
                              size_t column, int first) {
  const qp_matrix *w = s->w;
  const uint8_t *codes = (const uint8_t *)w->values + (row * w->columns + column) / 2;
  __m128i lines[16];
  if ((size_t)codes % 64 < 16)  // once a line of cache
    for (size_t i = 0; i < 16; i++) qp_ask_second_for(s, (row + QP_AHEAD + i) * w->columns + column);
  for (size_t i = 0; i < 16; i++)
    lines[i] = i < rows ? _mm_loadu_si128((const __m128i *)(codes + i * w->columns / 2)) : _mm_setzero_si128();
  transpose_bytes(columns, lines);
  if (first || !qp_run_goes_on(w, column)) qp_scales_of_rows(scales, s, row, rows, column);
}

void qp_pack_weight_rows_avx2(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc) {
  if (w->storage == QP_F32) {
    qp_pack_transposed_avx2(dst, (const float *)w->values + row * w->columns + column, w->columns, rows, kc);
    return;
  }
  const uint16_t *halves = (const uint16_t *)w->values + row * w->columns + column;
  if (w->storage == QP_F16 && rows == NR && kc % 16 == 0) {
    half_rows(dst, halves, QP_F16, w->columns, kc);
    return;
  }
  if (w->storage == QP_BF16 && rows == NR && kc % 16 == 0) {
    half_rows(dst, halves, QP_BF16, w->columns, kc);
    return;
  }
  if (!qp_aligned_q4(w)) {
    qp_pack_weight_rows_any(&qp_kernels_avx2, dst, w, row, rows, column, kc);
    return;
  }
  qp_scales s = qp_scales_of(w);
  __m256i planes[4];
  qp_planes(planes, w->levels);
  __m128 scales[4];
  for (size_t k = 0; k < kc; k += 32) {
    __m128i columns[16];
    load_codes(columns, scales, &s, row, rows, column + k, k == 0);
    __m256 scale[4];
    for (int i = 0; i < 4; i++) scale[i] = _mm256_set_m128(scales[i], scales[i]);
    for (int j = 0; j < 16; j++) {
      __m256 v[4];
      float *even = dst + (k + 2 * (size_t)j) * NR, *odd = even + NR;
      qp_levels32(v, planes, qp_split(columns[j]));
      for (int i = 0; i < 4; i++) {
        __m256 values = _mm256_mul_ps(v[i], scale[i]);
        _mm_storeu_ps(even + 4 * i, _mm256_castps256_ps128(values));
        _mm_storeu_ps(odd + 4 * i, _mm256_extractf128_ps(values, 1));
      }
    }
  }
}

// Whole panels, HALF_COLUMNS columns at most: as much of a row at a time as there is.
__attribute__((always_inline)) static inline size_t half_columns(float *dst, const uint16_t *x, const qp_storage storage,
                                                                 size_t ld, size_t columns, size_t kc) {
  columns = columns < HALF_COLUMNS ? columns / NR * NR : HALF_COLUMNS;
  for (size_t k = 0; k < kc; k++, x += ld)
    for (size_t c = 0; c < columns; c += NR) {
      qp_ask_second(x, 2 * (AHEAD * ld + c));
      for (size_t i = 0; i < NR; i += 8) _mm256_storeu_ps(dst + c * kc + k * NR + i, wide(x + c + i, storage));
    }
  return columns;
}

// One panel of 16 columns, two rows at a time.
static void q4_panel(float *dst, const qp_matrix *w, const qp_scales *s, const __m256i planes[4], size_t first, size_t kc) {
  size_t step = w->columns;
  const uint8_t *codes = (const uint8_t *)w->values + first / 2;
  for (size_t k = 0; k < kc; k += 2) {
    size_t other = k + 1 < kc ? k + 1 : k;
    __m256 v[4], scale = qp_halves(qp_scale_at(s, first + k * step), qp_scale_at(s, first + other * step));
    qp_levels32(v, planes, qp_pair(codes + k * step / 2, codes + other * step / 2));
    for (int i = 0; i < 4; i++) {
      __m256 values = _mm256_mul_ps(v[i], scale);
      _mm_storeu_ps(dst + other * NR + 4 * i, _mm256_extractf128_ps(values, 1));
      _mm_storeu_ps(dst + k * NR + 4 * i, _mm256_castps256_ps128(values));
    }
  }
}

// Panels of `columns` columns, a constant multiple of 32, that share the scale of their row.
__attribute__((always_inline)) static inline void q4_panels(float *dst, const qp_matrix *w, const qp_scales *s,
                                                            const __m256i planes[4], size_t first, size_t kc,
                                                            const size_t columns) {
  for (size_t k = 0; k < kc; k++, first += w->columns) {
    const uint8_t *codes = (const uint8_t *)w->values + first / 2;
    qp_ask_for(s, first + QP_AHEAD * w->columns);
    __m256 scale = _mm256_set1_ps(qp_scale_at(s, first));
    for (size_t c = 0; c < columns; c += 32) {
      __m256 v[4];
      float *low = dst + c * kc + k * NR, *high = low + NR * kc;
      qp_levels32(v, planes, qp_pair(codes + c / 2, codes + c / 2 + 8));
      for (int i = 0; i < 4; i++) v[i] = _mm256_mul_ps(v[i], scale);
      _mm256_storeu_ps(low, _mm256_permute2f128_ps(v[0], v[1], 0x20));
      _mm256_storeu_ps(low + 8, _mm256_permute2f128_ps(v[2], v[3], 0x20));
      _mm256_storeu_ps(high, _mm256_permute2f128_ps(v[0], v[1], 0x31));
      _mm256_storeu_ps(high + 8, _mm256_permute2f128_ps(v[2], v[3], 0x31));
    }
  }
}

size_t qp_pack_weight_columns_avx2(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns) {
  size_t first = row * w->columns + column, valid = columns < NR ? columns : NR;
  if (w->storage == QP_F32) {
    qp_pack_straight_avx2(dst, (const float *)w->values + first, w->columns, valid, kc);
  } else if (w->storage == QP_F16 && valid == NR) {
    return half_columns(dst, (const uint16_t *)w->values + first, QP_F16, w->columns, columns, kc);
  } else if (w->storage == QP_BF16 && valid == NR) {
    return half_columns(dst, (const uint16_t *)w->values + first, QP_BF16, w->columns, columns, kc);
  } else if (!qp_aligned_q4(w)) {
    return qp_pack_weight_columns_any(&qp_kernels_avx2, dst, w, row, kc, column, columns);
  } else {
    qp_scales s = qp_scales_of(w);
    __m256i planes[4];
    qp_planes(planes, w->levels);
    if (columns >= 64 && qp_runs_of_64(w) && first % 64 == 0) {
      q4_panels(dst, w, &s, planes, first, kc, 64);
      return 64;
    }
    if (columns >= 32 && first % 32 == 0) {
      q4_panels(dst, w, &s, planes, first, kc, 32);
      return 32;
    }
    q4_panel(dst, w, &s, planes, first, kc);
  }
  return valid;
}

#pragma clang attribute pop
#endif
