/// AVX-512: decoding of weights, alone and into panels. A level is looked up by one vpermps.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#include "x86/lanes_avx512.h"
#include "x86/q4_bytes.h"
#include "x86/transpose_avx512.h"

enum { NR = QP_AVX512_NR, AHEAD = 48 };  // rows of halves that are asked for ahead of time

// Sixteen codes from eight bytes, in order.
static inline __m512i codes16(__m128i bytes) {
  __m128i nibbles = _mm_unpacklo_epi8(_mm_srli_epi16(bytes, 4), bytes);  // vpermps looks at the low four bits alone,
  return _mm512_cvtepu8_epi32(nibbles);                                  // but a word shift brings in a neighbour's: they are
}                                                                        // above those four

void qp_decode_q4_avx512(float *y, const uint8_t *codes, const float *levels, float scale, size_t count) {
  __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(levels), _mm512_set1_ps(scale));
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    _mm512_storeu_ps(y + i, _mm512_permutexvar_ps(codes16(_mm_loadl_epi64((const __m128i *)(codes + i / 2))), scaled));
  if (i < count) {
    uint64_t rest = 0;
    memcpy(&rest, codes + i / 2, (count - i + 1) / 2);
    __m512 values = _mm512_permutexvar_ps(codes16(_mm_cvtsi64_si128((long long)rest)), scaled);
    _mm512_mask_storeu_ps(y + i, (__mmask16)((1u << (count - i)) - 1), values);
  }
}

void qp_decode_f16_avx512(float *y, const uint16_t *x, size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(x + i))));
  if (i < count) {
    __mmask16 mask = (__mmask16)((1u << (count - i)) - 1);
    _mm512_mask_storeu_ps(y + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, x + i)));
  }
}

__attribute__((always_inline)) static inline __m512 load_half(const uint16_t *x, const qp_storage storage, __mmask16 mask) {
  __m256i half = _mm256_maskz_loadu_epi16(mask, x);
  if (storage == QP_F16) return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

// The lower halves of sixteen pairs.
__attribute__((always_inline)) static inline __m512 lower_halves(__m512i pairs, const qp_storage storage) {
  if (storage == QP_F16) return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(pairs));
  return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}

// Two columns are transposed as one lane.
__attribute__((always_inline)) static inline void half_rows(float *dst, const uint16_t *x, const qp_storage storage,
                                                            size_t ld, size_t rows, size_t kc) {
  for (size_t k = 0; k < kc; k += 32) {
    size_t depth = kc - k < 32 ? kc - k : 32;
    __mmask32 mask = ~(__mmask32)0 >> (32 - depth);
    for (size_t i = 0; i < NR; i += 16) {
      __m512 r[16];
      for (size_t j = 0; j < 16; j++) qp_ask_second(x, 2 * ((i + j + AHEAD) * ld + k));
      for (size_t j = 0; j < 16; j++)
        r[j] = i + j < rows ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, x + (i + j) * ld + k)) : _mm512_setzero_ps();
      qp_transpose16_avx512(r);
      for (size_t j = 0; j < depth; j += 2) {
        __m512i pairs = _mm512_castps_si512(r[j / 2]);
        float *at = dst + (k + j) * NR + i;
        _mm512_storeu_ps(at, lower_halves(pairs, storage));
        if (j + 1 < depth) _mm512_storeu_ps(at + NR, lower_halves(_mm512_srli_epi32(pairs, 16), storage));
      }
    }
  }
}

// So many panels, a constant of each call: as much of a row at a time as there is. `low` and `high` are the columns that the halves of a
// panel have.
__attribute__((always_inline)) static inline size_t half_panels(float *dst, const uint16_t *x, const qp_storage storage, size_t ld,
                                                                const size_t panels, __mmask16 low, __mmask16 high, size_t kc) {
  for (size_t k = 0; k < kc; k++, x += ld)
#pragma clang loop unroll(full)
    for (size_t c = 0; c < panels * NR; c += NR) {
      float *at = dst + c * kc + k * NR;
      qp_ask_second(x, 2 * (AHEAD * ld + c));
      _mm512_storeu_ps(at, load_half(x + c, storage, low));
      _mm512_storeu_ps(at + 16, load_half(x + c + 16, storage, high));
    }
  return panels * NR;
}

__attribute__((always_inline)) static inline size_t half_columns(float *dst, const uint16_t *x, const qp_storage storage,
                                                                 size_t ld, size_t columns, size_t kc) {
  const __mmask16 all = 0xffff;
  switch (columns / NR) {
    case 0: half_panels(dst, x, storage, ld, 1, qp_mask_of(columns), columns > 16 ? qp_mask_of(columns - 16) : 0, kc); return columns;
    case 1: return half_panels(dst, x, storage, ld, 1, all, all, kc);
    case 2: return half_panels(dst, x, storage, ld, 2, all, all, kc);
    case 3: return half_panels(dst, x, storage, ld, 3, all, all, kc);
    default: return half_panels(dst, x, storage, ld, 4, all, all, kc);
  }
}

// Sixteen rows, or what there is of them, to lanes of a panel: eight columns are transposed as one lane.
static inline void q4_rows(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc) {
  qp_scales s = qp_scales_of(w);
  __m512 levels = _mm512_loadu_ps(w->levels), scale = _mm512_setzero_ps();
  const uint8_t *codes = (const uint8_t *)w->values + (row * w->columns + column) / 2;
  for (size_t k = 0; k < kc; k += 128) {
    size_t depth = kc - k < 128 ? kc - k : 128;
    __mmask16 mask = qp_mask_of(depth / 8);
    __m512 r[16];
    for (size_t i = 0; i < 16; i++) qp_ask_second_for(&s, (row + QP_AHEAD + i) * w->columns + column + k);
    for (size_t i = 0; i < 16; i++)
      r[i] = i < rows ? _mm512_maskz_loadu_ps(mask, codes + (i * w->columns + k) / 2) : _mm512_setzero_ps();
    qp_transpose16_avx512(r);
    for (size_t c = 0; c < depth; c += 32) {
      if (k + c == 0 || !qp_run_goes_on(w, column + k + c)) {
        __m128 v[4];
        qp_scales_of_rows(v, &s, row, rows, column + k + c);
        __m256 low = _mm256_set_m128(v[1], v[0]), high = _mm256_set_m128(v[3], v[2]);
        scale = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
      }
      for (size_t j = 0; j < 4; j++) {
        __m512i lane = _mm512_castps_si512(r[c / 8 + j]);
        float *at = dst + (k + c + 8 * j) * NR;
#pragma clang loop unroll(full)
        for (size_t n = 0; n < 8; n++) {  // of a byte the high nibble is the first
          __m512 level = _mm512_permutexvar_ps(_mm512_srli_epi32(lane, (unsigned)(4 * n)), levels);
          _mm512_storeu_ps(at + (n ^ 1) * NR, _mm512_mul_ps(level, scale));
        }
      }
    }
  }
}

void qp_pack_weight_rows_avx512(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc) {
  const uint16_t *halves = (const uint16_t *)w->values + row * w->columns + column;
  switch (w->storage) {
    case QP_F32:
      qp_pack_transposed_avx512(dst, (const float *)w->values + row * w->columns + column, w->columns, rows, kc);
      return;
    case QP_F16: half_rows(dst, halves, QP_F16, w->columns, rows, kc); return;
    case QP_BF16: half_rows(dst, halves, QP_BF16, w->columns, rows, kc); return;
    default: break;
  }
  if (!qp_aligned_q4(w)) {
    qp_pack_weight_rows_any(&qp_kernels_avx512, dst, w, row, rows, column, kc);
    return;
  }
  for (size_t i = 0; i < NR; i += 16) q4_rows(dst + i, w, row + i, i >= rows ? 0 : rows - i < 16 ? rows - i : 16, column, kc);
}

// Panels of `columns` columns, which share the scale of their row, or of runs of 64 that do. A constant multiple of 32.
__attribute__((always_inline)) static inline void q4_panels(float *dst, const qp_matrix *w, size_t first, size_t kc,
                                                            const size_t columns) {
  qp_scales s = qp_scales_of(w);
  __m512 levels = _mm512_loadu_ps(w->levels), scaled;
  for (size_t k = 0; k < kc; k++, first += w->columns) {
    const uint8_t *codes = (const uint8_t *)w->values + first / 2;
    qp_ask_second_for(&s, first + 2 * QP_AHEAD * w->columns);
#pragma clang loop unroll(full)
    for (size_t c = 0; c < columns; c += NR) {
      if (c % 64 == 0) scaled = _mm512_mul_ps(levels, _mm512_set1_ps(qp_scale_at(&s, first + c)));
      __m128i bytes = _mm_loadu_si128((const __m128i *)(codes + c / 2)), high = _mm_srli_epi16(bytes, 4);
      __m512i left = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(high, bytes));
      __m512i right = _mm512_cvtepu8_epi32(_mm_unpackhi_epi8(high, bytes));
      _mm512_storeu_ps(dst + c * kc + k * NR, _mm512_permutexvar_ps(left, scaled));
      _mm512_storeu_ps(dst + c * kc + k * NR + 16, _mm512_permutexvar_ps(right, scaled));
    }
  }
}

size_t qp_pack_weight_columns_avx512(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns) {
  size_t first = row * w->columns + column, valid = columns < NR ? columns : NR;
  const uint16_t *halves = (const uint16_t *)w->values + first;
  switch (w->storage) {
    case QP_F32: qp_pack_straight_avx512(dst, (const float *)w->values + first, w->columns, valid, kc); return valid;
    case QP_F16: return half_columns(dst, halves, QP_F16, w->columns, columns, kc);
    case QP_BF16: return half_columns(dst, halves, QP_BF16, w->columns, columns, kc);
    default: break;
  }
  if (!qp_aligned_q4(w)) return qp_pack_weight_columns_any(&qp_kernels_avx512, dst, w, row, kc, column, columns);
  if (qp_runs_of_64(w) && first % 64 == 0 && columns >= 64) {
    if (columns < 128) {
      q4_panels(dst, w, first, kc, 64);
      return 64;
    }
    q4_panels(dst, w, first, kc, 128);  // a line of cache
    return 128;
  }
  q4_panels(dst, w, first, kc, NR);
  return NR;
}

#pragma clang attribute pop
#endif
