/// Decoders of ggml's block types, the definition: a call gives the 32 numbers of part `part` of a block. Scalar, and every step is rounded to
/// float32 as the gguf package rounds it.
#ifndef QP_BLOCKS_DECODE_H
#define QP_BLOCKS_DECODE_H

#include <string.h>

#include "reference/leaves.h"

/// The float16 at `x`, exactly; at any address.
static inline float qp_half_at(const uint8_t *x) {
  uint16_t bits;
  float value;
  memcpy(&bits, x, sizeof bits);
  qp_ref_decode_f16(&value, &bits, 1);
  return value;
}

void qp_ref_q2_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q3_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q4_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q5_k(float *y, const uint8_t *x, size_t part);
void qp_ref_q6_k(float *y, const uint8_t *x, size_t part);

#endif
