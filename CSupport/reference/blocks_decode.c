/// ggml's block types: sizes, levels, and decoders by their definition. Layouts: ggml-common.h of llama.cpp.
#include "reference/blocks_decode.h"

#pragma clang fp contract(off)

const int8_t qp_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t qp_mxfp4_levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

qp_block qp_block_of(qp_storage storage) {
  static const qp_block blocks[QP_STORAGE_COUNT] = {
      [QP_F32] = {1, 4},           [QP_F16] = {1, 2},           [QP_BF16] = {1, 2},
      [QP_GGML_Q4_0] = {32, 18},   [QP_GGML_Q4_1] = {32, 20},   [QP_GGML_Q5_0] = {32, 22},  [QP_GGML_Q5_1] = {32, 24},
      [QP_GGML_Q8_0] = {32, 34},   [QP_GGML_Q2_K] = {256, 84},  [QP_GGML_Q3_K] = {256, 110}, [QP_GGML_Q4_K] = {256, 144},
      [QP_GGML_Q5_K] = {256, 176}, [QP_GGML_Q6_K] = {256, 210}, [QP_GGML_IQ4_NL] = {32, 18}, [QP_GGML_IQ4_XS] = {256, 136},
      [QP_GGML_MXFP4] = {32, 17},
  };
  return blocks[storage];
}

// Q4_0 ... Q8_0: blocks of 32 numbers under one scale, some with an offset.

static void q4_0(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = qp_half_at(x);
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)((x[2 + i] & 15) - 8);
    y[i + 16] = d * (float)((x[2 + i] >> 4) - 8);
  }
}

static void q4_1(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = qp_half_at(x), m = qp_half_at(x + 2);
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)(x[4 + i] & 15) + m;
    y[i + 16] = d * (float)(x[4 + i] >> 4) + m;
  }
}

/// 32 bits, the first number's lowest.
static inline uint32_t bits32(const uint8_t *x) {
  return (uint32_t)x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
}

static void q5_0(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = qp_half_at(x);
  uint32_t bits = bits32(x + 2);
  for (int i = 0; i < 16; i++) y[i] = d * (float)((int)((x[6 + i] & 15u) | (bits >> i & 1) << 4) - 16);
  for (int i = 0; i < 16; i++) y[i + 16] = d * (float)((int)(x[6 + i] >> 4 | (bits >> (i + 16) & 1) << 4) - 16);
}

static void q5_1(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = qp_half_at(x), m = qp_half_at(x + 2);
  uint32_t bits = bits32(x + 4);
  for (int i = 0; i < 16; i++) y[i] = d * (float)(int)((x[8 + i] & 15u) | (bits >> i & 1) << 4) + m;
  for (int i = 0; i < 16; i++) y[i + 16] = d * (float)(int)(x[8 + i] >> 4 | (bits >> (i + 16) & 1) << 4) + m;
}

static void q8_0(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = qp_half_at(x);
  for (int i = 0; i < 32; i++) y[i] = d * (float)(int8_t)x[2 + i];
}

// IQ4_NL, IQ4_XS, MXFP4: codes of four bits that name one of sixteen levels.

static inline void levels_of(float *y, const uint8_t *codes, const int8_t *levels, float scale) {
  int8_t chosen[32];
  for (int i = 0; i < 16; i++) chosen[i] = levels[codes[i] & 15], chosen[i + 16] = levels[codes[i] >> 4];
  for (int i = 0; i < 32; i++) y[i] = scale * (float)chosen[i];
}

static void iq4_nl(float *y, const uint8_t *x, size_t part) {
  (void)part;
  levels_of(y, x + 2, qp_iq4_levels, qp_half_at(x));
}

static void iq4_xs(float *y, const uint8_t *x, size_t part) {
  int low = x[4 + part / 2] >> (part % 2 * 4) & 15, high = (x[2] | x[3] << 8) >> (2 * part) & 3;
  levels_of(y, x + 8 + 16 * part, qp_iq4_levels, qp_half_at(x) * (float)((low | high << 4) - 32));
}

static void mxfp4(float *y, const uint8_t *x, size_t part) {
  (void)part;
  // Half of 2^(e - 127): the levels are doubled to be whole.
  uint32_t bits = x[0] < 2 ? 0x00200000u << x[0] : (uint32_t)(x[0] - 1) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  levels_of(y, x + 1, qp_mxfp4_levels, scale);
}

void qp_ref_decode_blocks(qp_storage storage, float *y, const uint8_t *block, size_t part, size_t count) {
  static void (*const decoders[])(float *y, const uint8_t *x, size_t part) = {
      q4_0,        q4_1,        q5_0,        q5_1,   q8_0,   qp_ref_q2_k, qp_ref_q3_k,
      qp_ref_q4_k, qp_ref_q5_k, qp_ref_q6_k, iq4_nl, iq4_xs, mxfp4,
  };
  qp_block size = qp_block_of(storage);
  for (; count > 0; count--, y += 32) {
    decoders[storage - QP_GGML_Q4_0](y, block, part);
    if (++part == size.count / 32) part = 0, block += size.bytes;
  }
}
