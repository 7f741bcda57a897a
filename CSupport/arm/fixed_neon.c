/// NEON: one token in fixed point (drivers/fixed.c). Levels of 16 bits from two byte planes, 16 nibbles a `tbl`; `smlal` multiplies
/// and adds; two rows share the loads of x.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "arm/leaves_neon.h"
#include "leaves/q4_scales.h"

// Even columns of every 32, then odd ones: the order in which high and low nibbles come.
void qp_fixed_arrange_neon(int16_t *dst, const int16_t *x, size_t run) {
  dst += run * QP_FIXED;
  for (size_t k = 0; k < QP_FIXED; k += 32)
    for (size_t i = 0; i < 16; i++) dst[k + i] = x[k + 2 * i], dst[k + 16 + i] = x[k + 2 * i + 1];
}

// Adds the products of sixteen nibbles, four to a lane.
static inline int32x4_t add_products(int32x4_t sum, uint8x16x2_t planes, uint8x16_t nibbles, const int16_t *x) {
  uint8x16_t low = vqtbl1q_u8(planes.val[0], nibbles), high = vqtbl1q_u8(planes.val[1], nibbles);
  int16x8_t a = vreinterpretq_s16_u8(vzip1q_u8(low, high)), b = vreinterpretq_s16_u8(vzip2q_u8(low, high));
  int16x8_t first = vld1q_s16(x), second = vld1q_s16(x + 8);
  sum = vmlal_high_s16(vmlal_s16(sum, vget_low_s16(a), vget_low_s16(first)), a, first);
  return vmlal_high_s16(vmlal_s16(sum, vget_low_s16(b), vget_low_s16(second)), b, second);
}

// `rows` is a constant of each call.
__attribute__((always_inline)) static inline void some_rows(float *y, const int16_t *x, const float *x_scales,
                                                            const qp_scales *s, uint8x16x2_t planes, size_t row,
                                                            const size_t rows) {
  const qp_matrix *w = s->w;
  size_t half = w->columns / 2, runs = w->columns / QP_FIXED;
  unsigned shift = s->block_shift - qp_shift(QP_FIXED);
  const uint8_t *codes = (const uint8_t *)w->values + row * half;
  float32x4_t sum[2];
  for (size_t r = 0; r < rows; r++) sum[r] = vdupq_n_f32(0);
  for (size_t b = 0; b < runs;) {
    float nested[2];
    for (size_t end = qp_nested_scales(nested, s, shift, row, rows, runs, b); b < end; b++, x += QP_FIXED, codes += QP_FIXED / 2)
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        size_t block = ((row + r) * runs + b) >> shift;
        float scale = w->absmax ? w->absmax[block] : w->nested_map[w->absmax_codes[block]] * nested[r] + w->nested_offset;
        int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);  // eight products a lane: no more fit
#pragma clang loop unroll(full)
        for (size_t i = 0; i < QP_FIXED; i += 32) {
          uint8x16_t bytes = vld1q_u8(codes + r * half + i / 2);
          even = add_products(even, planes, vshrq_n_u8(bytes, 4), x + i);
          odd = add_products(odd, planes, vandq_u8(bytes, vdupq_n_u8(15)), x + i + 16);
        }
        scale *= x_scales[b];
        sum[r] = vfmaq_n_f32(sum[r], vcvtq_f32_s32(even), scale);
        sum[r] = vfmaq_n_f32(sum[r], vcvtq_f32_s32(odd), scale);
      }
  }
  for (size_t r = 0; r < rows; r++) y[row + r] = vaddvq_f32(sum[r]);
}

void qp_fixed_rows_neon(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                        size_t row, size_t rows) {
  qp_scales s = qp_scales_of(w);
  uint8x16x2_t planes = vld2q_u8((const uint8_t *)levels);
  size_t end = row + rows;
  for (; row + 2 <= end; row += 2) some_rows(y, x, x_scales, &s, planes, row, 2);
  for (; row < end; row++) some_rows(y, x, x_scales, &s, planes, row, 1);
}
#endif
