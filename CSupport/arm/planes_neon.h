/// NEON: levels from nibbles by four byte planes. `tbl` looks up sixteen bytes at once: one lookup for each byte of a float,
/// then bytes and words are interleaved. Exact.
#ifndef QP_PLANES_NEON_H
#define QP_PLANES_NEON_H

#include <arm_neon.h>
#include <stdint.h>

/// Byte b of the sixteen levels in val[b].
static inline uint8x16x4_t qp_planes(const float *levels) { return vld4q_u8((const uint8_t *)levels); }

/// The levels of sixteen nibbles (one a byte), in order.
static inline void qp_levels16(float32x4_t out[4], uint8x16x4_t planes, uint8x16_t nibbles) {
  uint8x16_t b0 = vqtbl1q_u8(planes.val[0], nibbles), b1 = vqtbl1q_u8(planes.val[1], nibbles);
  uint8x16_t b2 = vqtbl1q_u8(planes.val[2], nibbles), b3 = vqtbl1q_u8(planes.val[3], nibbles);
  uint16x8_t low0 = vreinterpretq_u16_u8(vzip1q_u8(b0, b1)), high0 = vreinterpretq_u16_u8(vzip1q_u8(b2, b3));
  uint16x8_t low1 = vreinterpretq_u16_u8(vzip2q_u8(b0, b1)), high1 = vreinterpretq_u16_u8(vzip2q_u8(b2, b3));
  out[0] = vreinterpretq_f32_u16(vzip1q_u16(low0, high0));
  out[1] = vreinterpretq_f32_u16(vzip2q_u16(low0, high0));
  out[2] = vreinterpretq_f32_u16(vzip1q_u16(low1, high1));
  out[3] = vreinterpretq_f32_u16(vzip2q_u16(low1, high1));
}

/// The nibbles of sixteen bytes, in order: the high one of a byte first.
static inline uint8x16x2_t qp_nibbles32(uint8x16_t bytes) {
  return vzipq_u8(vshrq_n_u8(bytes, 4), vandq_u8(bytes, vdupq_n_u8(15)));
}

/// The nibbles of eight bytes, in order.
static inline uint8x16_t qp_nibbles16(uint8x8_t bytes) {
  return vcombine_u8(vzip1_u8(vshr_n_u8(bytes, 4), vand_u8(bytes, vdup_n_u8(15))),
                     vzip2_u8(vshr_n_u8(bytes, 4), vand_u8(bytes, vdup_n_u8(15))));
}

/// Four 16-bit numbers to floats.
static inline float32x4_t qp_from_f16(uint16x4_t x) { return vcvt_f32_f16(vreinterpret_f16_u16(x)); }
static inline float32x4_t qp_from_bf16(uint16x4_t x) { return vreinterpretq_f32_u32(vshll_n_u16(x, 16)); }

#endif
