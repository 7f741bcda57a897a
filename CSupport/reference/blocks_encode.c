/// ggml's types of 32 numbers a block.
#include "reference/blocks_encode.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "dispatch/kernel_set.h"

#pragma STDC FP_CONTRACT OFF

enum { BLOCK = 32, HALF = BLOCK / 2 };

// 0 where there is none: such a step is written as zero.
static float inverse(float x) { return isfinite(1 / x) ? 1 / x : 0; }

// Codes of the first half of a block lie in the low nibbles, those of the second in the high ones.
static void put_nibbles(uint8_t *out, const uint8_t codes[BLOCK]) {
  for (int i = 0; i < HALF; i++) out[i] = (uint8_t)((codes[i] & 15) | codes[i + HALF] << 4);
}

// code = x / d + middle, where the extreme number has code 0
static float symmetric_codes(uint8_t codes[BLOCK], const float *x, int middle) {
  float d = qp_block_extreme(x, BLOCK) / (float)-middle, scale = inverse(d);
  for (int i = 0; i < BLOCK; i++) {
    int code = (int8_t)(x[i] * scale + ((float)middle + 0.5f));
    codes[i] = (uint8_t)(code < 2 * middle - 1 ? code : 2 * middle - 1);
  }
  return d;
}

void qp_encode_q4_0(uint8_t *out, const float *x) {
  uint8_t codes[BLOCK];
  qp_block_put_half(out, symmetric_codes(codes, x, 8));
  put_nibbles(out + 2, codes);
}

void qp_encode_q5_0(uint8_t *out, const float *x) {
  uint8_t codes[BLOCK];
  qp_block_put_half(out, symmetric_codes(codes, x, 16));
  memset(out + 2, 0, 4);
  for (int i = 0; i < BLOCK; i++) out[2 + i / 8] |= (uint8_t)((codes[i] >> 4 & 1) << i % 8);
  put_nibbles(out + 6, codes);
}

void qp_encode_q4_1(uint8_t *out, const float *x) {
  float low = FLT_MAX, high = -FLT_MAX;
  for (int i = 0; i < BLOCK; i++) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
  }
  float d = (high - low) / 15, scale = inverse(d);
  uint8_t codes[BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    int code = d <= FLT_MAX ? (int8_t)((x[i] - low) * scale + 0.5f) : 0;  // x - low may be infinite as d is
    codes[i] = (uint8_t)(code < 15 ? code : 15);
  }
  qp_block_put_half(out, d);
  qp_block_put_half(out + 2, low);
  put_nibbles(out + 4, codes);
}

void qp_encode_q8_0(uint8_t *out, const float *x) {
  float d = fabsf(qp_block_extreme(x, BLOCK)) / 127, scale = inverse(d);
  qp_block_put_half(out, d);
  for (int i = 0; i < BLOCK; i++) out[2 + i] = (uint8_t)(int8_t)roundf(x[i] * scale);
}

// The nearest level; of two equally near ones the upper.
static int nearest_level(float x) {
  const int8_t *levels = qp_iq4_levels;
  if (x <= levels[0]) return 0;
  int upper = 1;
  while (upper < 15 && x >= levels[upper]) upper++;
  return x - levels[upper - 1] < levels[upper] - x ? upper - 1 : upper;
}

// For codes that `scale` gives: weighted sums from which the best step follows, Σ w·q·x and Σ w·q².
static void level_sums(const float *x, float scale, float *along, float *squares) {
  *along = *squares = 0;
  for (int i = 0; i < BLOCK; i++) {
    float q = qp_iq4_levels[nearest_level(scale * x[i])], w = x[i] * x[i];
    *along += w * q * x[i];
    *squares += w * q * q;
  }
}

void qp_encode_iq4_nl(uint8_t *out, const float *x) {
  float extreme = qp_block_extreme(x, BLOCK), d = 0, along, squares;
  if (fabsf(extreme) >= qp_block_tiny) {
    level_sums(x, 1 / (-extreme / qp_iq4_levels[0]), &along, &squares);
    d = squares > 0 ? along / squares : 0;
    float best = d * along;
    // Fifteen other steps around that one; the least weighted error wins.
    for (int try = -7; try <= 7; try++) {
      level_sums(x, (float)(try + qp_iq4_levels[0]) / extreme, &along, &squares);
      if (squares > 0 && along * along > best * squares) {
        d = along / squares;
        best = d * along;
      }
    }
  }
  uint8_t codes[BLOCK];
  for (int i = 0; i < BLOCK; i++) codes[i] = (uint8_t)nearest_level(inverse(d) * x[i]);
  qp_block_put_half(out, d);
  put_nibbles(out + 2, codes);
}
