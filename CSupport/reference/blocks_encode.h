/// Encoders of ggml's block types: one block of floats in, its bytes out. Scalar and without fused operations, so that the bytes
/// are those of ggml's own reference quantization on any machine.
#ifndef QP_BLOCKS_ENCODE_H
#define QP_BLOCKS_ENCODE_H

#include <stddef.h>
#include <stdint.h>

typedef void qp_block_encoder(uint8_t *out, const float *x);

// 32 numbers: 18, 20, 22, 34 and 18 bytes
qp_block_encoder qp_encode_q4_0, qp_encode_q4_1, qp_encode_q5_0, qp_encode_q8_0, qp_encode_iq4_nl;
// 256 numbers: 144 and 210 bytes
qp_block_encoder qp_encode_q4_k, qp_encode_q6_k;

/// Below this a block counts as zero.
static const float qp_block_tiny = 1e-15f;

/// The nearest float16, ties to even, little-endian; beyond its range infinity.
static inline void qp_block_put_half(uint8_t *out, float value) {
  union { float f; uint32_t u; } x = {.f = value};
  uint32_t sign = x.u >> 16 & 0x8000, magnitude = x.u & 0x7FFFFFFF, half;
  if (magnitude > 0x7F800000) {
    half = 0x7E00;
  } else if (magnitude >= 0x477FF000) {
    half = 0x7C00;
  } else if (magnitude < 0x38800000) {  // a multiple of 2^-24: adding 1/2 leaves it, rounded, in the low bits
    x.u = magnitude;
    x.f += 0.5f;
    half = x.u - 0x3F000000;
  } else {
    half = (magnitude + 0xFFF + (magnitude >> 13 & 1) - 0x38000000) >> 13;
  }
  out[0] = (uint8_t)(half | sign);
  out[1] = (uint8_t)((half | sign) >> 8);
}

/// The nearest whole number, ties to even; 0 for NaN and magnitudes from 2^22 on, which scales beyond float16 give.
static inline int qp_block_nearest(float x) {
  return x > -0x1p22f && x < 0x1p22f ? (int)((x + 12582912.0f) - 12582912.0f) : 0;
}

static inline int qp_block_clamp(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

/// The number of largest magnitude, the first of equals.
static inline float qp_block_extreme(const float *x, size_t count) {
  float most = 0, extreme = 0;
  for (size_t i = 0; i < count; i++) {
    float magnitude = x[i] < 0 ? -x[i] : x[i];
    if (most < magnitude) most = magnitude, extreme = x[i];
  }
  return extreme;
}

#endif
