/// NEON: decoding of weights, alone and into panels.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>

#include "arm/leaves_neon.h"
#include "arm/planes_neon.h"
#include "leaves/q4_scales.h"

enum { NR = QP_NEON_NR };

static inline void store16(float *y, uint8x16x4_t planes, uint8x16_t nibbles, float scale) {
  float32x4_t v[4];
  qp_levels16(v, planes, nibbles);
  for (size_t i = 0; i < 4; i++) vst1q_f32(y + 4 * i, vmulq_n_f32(v[i], scale));
}

void qp_decode_q4_neon(float *y, const uint8_t *codes, const float *levels, float scale, size_t count) {
  uint8x16x4_t planes = qp_planes(levels);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) store16(y + i, planes, qp_nibbles16(vld1_u8(codes + i / 2)), scale);
  if (i < count) {
    uint8_t rest[8] = {0};
    float last[16];
    memcpy(rest, codes + i / 2, (count - i + 1) / 2);
    store16(last, planes, qp_nibbles16(vld1_u8(rest)), scale);
    memcpy(y + i, last, (count - i) * sizeof(float));
  }
}

void qp_decode_f16_neon(float *y, const uint16_t *x, size_t count) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) vst1q_f32(y + i, qp_from_f16(vld1_u16(x + i)));
  if (i < count) {
    uint16_t rest[4] = {0};
    float last[4];
    memcpy(rest, x + i, (count - i) * sizeof(uint16_t));
    vst1q_f32(last, qp_from_f16(vld1_u16(rest)));
    memcpy(y + i, last, (count - i) * sizeof(float));
  }
}

// rows[i] byte j -> columns[j] byte i: row i interleaved with row i + 8, four times; each pass moves one bit of the index.
static inline void transpose_bytes(uint8x16_t columns[16], uint8x16_t rows[16]) {
  uint8x16_t *from = rows, *to = columns;
  for (int pass = 0; pass < 4; pass++) {
    for (int i = 0; i < 8; i++) {
      to[2 * i] = vzip1q_u8(from[i], from[i + 8]);
      to[2 * i + 1] = vzip2q_u8(from[i], from[i + 8]);
    }
    uint8x16_t *swap = from;
    from = to, to = swap;
  }
  for (int i = 0; i < 16; i++) columns[i] = from[i];
}

void qp_pack_weight_rows_neon(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc) {
  if (w->storage == QP_F32) {
    qp_pack_transposed_neon(dst, (const float *)w->values + row * w->columns + column, w->columns, rows, kc);
    return;
  }
  if (!qp_aligned_q4(w)) {
    qp_pack_weight_rows_any(&qp_kernels_neon, dst, w, row, rows, column, kc);
    return;
  }
  qp_scales s = qp_scales_of(w);
  uint8x16x4_t planes = qp_planes(w->levels);
  const uint8_t *codes = (const uint8_t *)w->values + (row * w->columns + column) / 2;
  for (size_t k = 0; k < kc; k += 32) {
    uint8x16_t lines[16], columns[16];
    float scales[16];
    for (size_t i = 0; i < 16; i++) {
      lines[i] = i < rows ? vld1q_u8(codes + (i * w->columns + k) / 2) : vdupq_n_u8(0);
      scales[i] = i < rows ? qp_scale_at(&s, (row + i) * w->columns + column + k) : 0;
    }
    transpose_bytes(columns, lines);
    for (size_t j = 0; j < 16; j++) {
      float32x4_t even[4], odd[4];
      float *at = dst + (k + 2 * j) * NR;
      qp_levels16(even, planes, vshrq_n_u8(columns[j], 4));
      qp_levels16(odd, planes, vandq_u8(columns[j], vdupq_n_u8(15)));
      for (size_t i = 0; i < 4; i++) {
        float32x4_t scale = vld1q_f32(scales + 4 * i);
        vst1q_f32(at + 4 * i, vmulq_f32(even[i], scale));
        vst1q_f32(at + NR + 4 * i, vmulq_f32(odd[i], scale));
      }
    }
  }
}

static void half_columns(float *dst, const qp_matrix *w, size_t first, size_t kc) {
  const uint16_t *x = (const uint16_t *)w->values + first;
  for (size_t k = 0; k < kc; k++, x += w->columns)
    for (size_t i = 0; i < NR; i += 4) {
      uint16x4_t half = vld1_u16(x + i);
      vst1q_f32(dst + k * NR + i, w->storage == QP_F16 ? qp_from_f16(half) : qp_from_bf16(half));
    }
}

size_t qp_pack_weight_columns_neon(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns) {
  size_t first = row * w->columns + column, valid = columns < NR ? columns : NR;
  if (w->storage == QP_F32) {
    qp_pack_straight_neon(dst, (const float *)w->values + first, w->columns, valid, kc);
  } else if (w->storage != QP_Q4 && valid == NR) {
    half_columns(dst, w, first, kc);
  } else if (!qp_aligned_q4(w)) {
    return qp_pack_weight_columns_any(&qp_kernels_neon, dst, w, row, kc, column, columns);
  } else {
    qp_scales s = qp_scales_of(w);
    uint8x16x4_t planes = qp_planes(w->levels);
    int wide = columns >= 64 && qp_runs_of_64(w) && first % 64 == 0;
    for (size_t k = 0; k < kc; k++, first += w->columns) {
      float scale = qp_scale_at(&s, first);
      for (size_t c = 0; c < (wide ? 64 : NR); c += NR)
        store16(dst + c * kc + k * NR, planes, qp_nibbles16(vld1_u8((const uint8_t *)w->values + (first + c) / 2)), scale);
    }
    if (wide) return 64;
  }
  return valid;
}
#endif
