/// Decoders of ggml's block types, the definition: a call gives the 32 numbers of part `part` of a block. Scalar, and every step is rounded to
/// float32 as the gguf package rounds it.
#ifndef QP_BLOCKS_DECODE_H
#define QP_BLOCKS_DECODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// The float16 at `x`, exactly; at any address.
static inline float qp_half_at(const uint8_t *x) {
  uint32_t magnitude = (uint32_t)x[0] | (uint32_t)(x[1] & 0x7f) << 8, sign = (uint32_t)(x[1] & 0x80) << 24, bits;
  float value;
  if (magnitude >= 0x7c00) {  // infinity, NaN (made quiet)
    bits = 0x7f800000 | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000 : 0);
  } else {
    value = (float)magnitude * 0x1p-24f;  // right below 2^-14
    memcpy(&bits, &value, 4);
    if (magnitude >= 0x400) bits = (magnitude << 13) + ((127 - 15) << 23);
  }
  bits |= sign;
  memcpy(&value, &bits, 4);
  return value;
}

void qp_ref_q2_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q3_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q4_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q5_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q6_k(float *y, const uint8_t *x, size_t part);

#endif
