/// Q2_K ... Q6_K: blocks of 256 numbers; runs of 16 or 32 have small scales under one float16. Layouts: ggml-common.h.
#include "reference/blocks_decode.h"

#pragma clang fp contract(off)

void qp_ref_q2_k(float *y, const uint8_t *x, size_t part) {
  float d = qp_half_at(x + 80), dmin = qp_half_at(x + 82);
  const uint8_t *codes = x + 16 + part / 4 * 32;
  int shift = (int)(part % 4 * 2);
  for (int run = 0; run < 2; run++) {
    uint8_t scales = x[2 * part + (size_t)run];
    float scale = d * (float)(scales & 15), offset = dmin * (float)(scales >> 4);
    for (int i = 0; i < 16; i++) y[16 * run + i] = scale * (float)(codes[16 * run + i] >> shift & 3) - offset;
  }
}

void qp_ref_q3_k(float *y, const uint8_t *x, size_t part) {
  float d = qp_half_at(x + 108);
  const uint8_t *codes = x + 32 + part / 4 * 32, *scales = x + 96;
  int shift = (int)(part % 4 * 2);
  for (int run = 0; run < 2; run++) {
    size_t j = 2 * part + (size_t)run;  // sixteen scales of six bits: four in the first eight bytes, two in the last four
    int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4, high = scales[8 + j % 4] >> (j / 4 * 2) & 3;
    float scale = d * (float)((low | high << 4) - 32);
    for (int i = 16 * run; i < 16 * run + 16; i++)
      y[i] = scale * (float)((codes[i] >> shift & 3) - (x[i] >> part & 1 ? 0 : 4));
  }
}

/// Scale and offset `j` of eight, six bits each in twelve bytes.
static inline void scale_and_offset(const uint8_t *x, size_t j, float *scale, float *offset) {
  if (j < 4) {
    *scale = (float)(x[j] & 63), *offset = (float)(x[j + 4] & 63);
  } else {
    *scale = (float)((x[j + 4] & 15) | x[j - 4] >> 6 << 4), *offset = (float)(x[j + 4] >> 4 | x[j] >> 6 << 4);
  }
}

void qp_ref_q4_k(float *y, const uint8_t *x, size_t part) {
  float scale, offset;
  scale_and_offset(x + 4, part, &scale, &offset);
  scale *= qp_half_at(x), offset *= qp_half_at(x + 2);
  const uint8_t *codes = x + 16 + part / 2 * 32;
  int shift = (int)(part % 2 * 4);
  for (int i = 0; i < 32; i++) y[i] = scale * (float)(codes[i] >> shift & 15) - offset;
}

void qp_ref_q5_k(float *y, const uint8_t *x, size_t part) {
  float scale, offset;
  scale_and_offset(x + 4, part, &scale, &offset);
  scale *= qp_half_at(x), offset *= qp_half_at(x + 2);
  const uint8_t *codes = x + 48 + part / 2 * 32, *bits = x + 16;
  int shift = (int)(part % 2 * 4), bit = (int)part;
  for (int i = 0; i < 32; i++) y[i] = scale * (float)((codes[i] >> shift & 15) | (bits[i] >> bit & 1) << 4) - offset;
}

void qp_ref_q6_k(float *y, const uint8_t *x, size_t part) {
  float d = qp_half_at(x + 208);
  const uint8_t *low = x + part / 4 * 64 + part % 2 * 32, *high = x + 128 + part / 4 * 32;
  int low_shift = (int)(part / 2 % 2 * 4), high_shift = (int)(part % 4 * 2);
  for (int run = 0; run < 2; run++) {
    float scale = d * (float)(int8_t)x[192 + 2 * part + (size_t)run];
    for (int i = 16 * run; i < 16 * run + 16; i++)
      y[i] = scale * (float)(((low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4) - 32);
  }
}
