/// ggml's block formats, compiled for this set.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "arm/leaves_neon.h"
#include "blocks/vectors.h"

static inline qp_i8x32 look_up(const int8_t *levels, qp_u8x32 indices) {
  int8x16_t table = vld1q_s8(levels);
  qp_u8x16 low = __builtin_shufflevector(indices, indices, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  qp_u8x16 high = __builtin_shufflevector(indices, indices, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  return __builtin_shufflevector((qp_i8x16)vqtbl1q_s8(table, (uint8x16_t)low), (qp_i8x16)vqtbl1q_s8(table, (uint8x16_t)high), 0, 1, 2, 3,
                                 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}

// Number i of a half and number i + 4 share a lane.
static inline qp_i32x8 products(qp_i16x16 a, qp_i16x16 b) {
  int16x8_t a0 = (int16x8_t)__builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7);
  int16x8_t a1 = (int16x8_t)__builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15);
  int16x8_t b0 = (int16x8_t)__builtin_shufflevector(b, b, 0, 1, 2, 3, 4, 5, 6, 7);
  int16x8_t b1 = (int16x8_t)__builtin_shufflevector(b, b, 8, 9, 10, 11, 12, 13, 14, 15);
  int32x4_t low = vmlal_high_s16(vmull_s16(vget_low_s16(a0), vget_low_s16(b0)), a0, b0);
  int32x4_t high = vmlal_high_s16(vmull_s16(vget_low_s16(a1), vget_low_s16(b1)), a1, b1);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}

#define QP_LOOK_UP look_up
#define QP_PRODUCTS products
#define QP_SUMS 2
#define NAME(x) x##_neon
#include "blocks/leaves.h"
#endif
