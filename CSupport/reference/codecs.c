/// Scalar decoders and encoders.
#include <math.h>
#include <string.h>

#include "reference/leaves.h"

void qp_ref_decode_q4(float *y, const uint8_t *codes, const float *levels, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = levels[codes[i / 2] >> (i & 1 ? 0 : 4) & 15] * scale;
}

void qp_ref_decode_f16(float *y, const uint16_t *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t sign = (uint32_t)(x[i] & 0x8000) << 16, magnitude = x[i] & 0x7fff, bits;
    if (magnitude >= 0x7c00) {  // infinity, NaN (made quiet, as the processors' own conversion does)
      bits = sign | 0x7f800000 | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000 : 0);
      memcpy(y + i, &bits, 4);
    } else if (magnitude >= 0x400) {
      bits = sign | ((magnitude << 13) + ((127 - 15) << 23));
      memcpy(y + i, &bits, 4);
    } else {
      y[i] = (sign ? -1.0f : 1.0f) * (float)magnitude * 0x1p-24f;
    }
  }
}

void qp_ref_decode_bf16(float *y, const uint16_t *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(y + i, &bits, 4);
  }
}

void qp_ref_encode_f16(uint16_t *y, const float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double size = fmin(fabs((double)x[i]), 65504);
    uint16_t bits = 0x7e00;
    if (x[i] == x[i]) {
      int exponent = size < 0x1p-14 ? -14 : ilogb(size);  // below 2^-14 the step stays that of 2^-14
      bits = (uint16_t)((exponent + 14) * 1024 + (int)nearbyint(ldexp(size, 10 - exponent)));
    }
    y[i] = (uint16_t)(bits | (signbit(x[i]) ? 0x8000 : 0));
  }
}

void qp_ref_round_bf16(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    if ((bits & 0x7fffffff) > 0x7f800000)
      bits |= 0x400000;  // a NaN stays one
    else
      bits += 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    memcpy(x + i, &bits, 4);
  }
}

static uint8_t code_of(float x, float inverse, const qp_q4_rule *rule) {
  float value = x * inverse;
  value = value < -1 ? -1 : value > 1 ? 1 : value;
  size_t below = 0;
  for (size_t i = 0; i < 15; i++) below += !(rule->bounds[i] >= value);  // NaN ends last, as torch.bucketize has it
  return rule->order[below];
}

void qp_ref_encode_q4(uint8_t *codes, const float *x, float inverse, const qp_q4_rule *rule, size_t count) {
  for (size_t i = 0; i < count; i += 2)
    codes[i / 2] = (uint8_t)(code_of(x[i], inverse, rule) << 4 | code_of(x[i + 1], inverse, rule));
}

void qp_ref_encode_i16(int16_t *y, const float *x, float inverse, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = (int16_t)nearbyintf(x[i] * inverse);
}

float qp_ref_max_abs(const float *x, size_t count) {
  float most = 0;
  for (size_t i = 0; i < count; i++) {
    float size = fabsf(x[i]);
    if (!(size <= most)) most = size;   // a NaN is taken, then kept: nothing compares with it
    if (most != most) return most;
  }
  return most;
}
