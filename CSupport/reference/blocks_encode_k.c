/// ggml's types of 256 numbers a block, whose parts have scales that are themselves quantized.
#include "reference/blocks_encode.h"

#include <math.h>
#include <string.h>

#include "reference/leaves.h"

#pragma STDC FP_CONTRACT OFF

static float get_half(const uint8_t *bytes) {
  uint16_t bits = (uint16_t)(bytes[0] | bytes[1] << 8);
  float value;
  qp_ref_decode_f16(&value, &bits, 1);
  return value;
}

// ---- Q4_K: eight parts of 32, x ≈ scale · code − minimum

enum { PART = 32, PARTS = 8 };

typedef struct { float scale, low; uint8_t codes[PART]; } part_fit;

static float part_error(const part_fit *fit, const float *x, const float *weight) {
  float error = 0;
  for (int i = 0; i < PART; i++) {
    float difference = fit->scale * fit->codes[i] + fit->low - x[i];
    error += weight[i] * (difference * difference);
  }
  return error;
}

static void part_codes(part_fit *fit, const float *x, float inverse, float low) {
  for (int i = 0; i < PART; i++) fit->codes[i] = (uint8_t)qp_block_clamp(qp_block_nearest(inverse * (x[i] - low)), 0, 15);
}

// The range divided into 15 steps, then 21 other divisions, each with scale and minimum by weighted least squares.
static void fit_part(part_fit *best, const float *x) {
  float squares = 0;
  for (int i = 0; i < PART; i++) squares += x[i] * x[i];
  float usual = sqrtf(squares / PART), weight[PART];
  for (int i = 0; i < PART; i++) weight[i] = usual + fabsf(x[i]);
  float low = x[0], high = x[0], all = weight[0], sum_x = weight[0] * x[0];
  for (int i = 1; i < PART; i++) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
    all += weight[i];
    sum_x += weight[i] * x[i];
  }
  if (low > 0) low = 0;
  memset(best, 0, sizeof *best);
  best->low = low;
  if (high == low) return;
  float inverse = 15 / (high - low);
  best->scale = 1 / inverse;
  part_codes(best, x, inverse, low);
  float least = part_error(best, x, weight);
  for (int step = 0; step <= 20; step++) {
    // The minimum of the best so far is where the next division starts.
    part_fit next;
    part_codes(&next, x, (-1.0f + 0.1f * (float)step + 15) / (high - best->low), best->low);
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (int i = 0; i < PART; i++) {
      float weighted = weight[i] * next.codes[i];
      sum_l += weighted;
      sum_l2 += weighted * next.codes[i];
      sum_xl += weighted * x[i];
    }
    float determinant = all * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0)) continue;
    next.scale = (all * sum_xl - sum_x * sum_l) / determinant;
    next.low = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
    if (next.low > 0) {
      next.low = 0;
      next.scale = sum_xl / sum_l2;
    }
    float error = part_error(&next, x, weight);
    if (error < least) {
      least = error;
      *best = next;
    }
  }
}

static uint8_t six_bits(float x) {
  uint8_t code = (uint8_t)qp_block_nearest(x);
  return code < 63 ? code : 63;
}

void qp_encode_q4_k(uint8_t *out, const float *x) {
  part_fit fits[PARTS];
  float most_scale = 0, most_low = 0;
  for (int j = 0; j < PARTS; j++) {
    fit_part(&fits[j], x + PART * j);
    if (fits[j].scale > most_scale) most_scale = fits[j].scale;
    if (-fits[j].low > most_low) most_low = -fits[j].low;
  }
  float scale_unit = most_scale > 0 ? 63 / most_scale : 0, low_unit = most_low > 0 ? 63 / most_low : 0;
  qp_block_put_half(out, most_scale / 63);
  qp_block_put_half(out + 2, most_low / 63);
  uint8_t scales[PARTS], lows[PARTS], *packed = out + 4, *nibbles = out + 16;
  for (int j = 0; j < PARTS; j++) {
    scales[j] = six_bits(scale_unit * fits[j].scale);
    lows[j] = six_bits(low_unit * -fits[j].low);
    // What was packed of the first four is full; of the last four the upper two bits lie above the first ones'.
    if (j < 4) {
      packed[j] = scales[j];
      packed[j + 4] = lows[j];
    } else {
      packed[j + 4] = (uint8_t)((scales[j] & 15) | (lows[j] & 15) << 4);
      packed[j - 4] |= (uint8_t)(scales[j] >> 4 << 6);
      packed[j] |= (uint8_t)(lows[j] >> 4 << 6);
    }
    float d = get_half(out) * scales[j], m = get_half(out + 2) * lows[j];
    for (int i = 0; d != 0 && i < PART; i++)
      fits[j].codes[i] = (uint8_t)qp_block_clamp(qp_block_nearest((x[PART * j + i] + m) / d), 0, 15);
  }
  for (int j = 0; j < PARTS; j += 2)
    for (int i = 0; i < PART; i++) *nibbles++ = (uint8_t)(fits[j].codes[i] | fits[j + 1].codes[i] << 4);
}

// ---- Q6_K: sixteen runs of 16, x ≈ scale · (code − 32)

enum { RUN = 16, RUNS = 16 };

static void run_codes(int8_t *codes, const float *x, float inverse) {
  for (int i = 0; i < RUN; i++) codes[i] = (int8_t)qp_block_clamp(qp_block_nearest(inverse * x[i]), -32, 31);
}

// Σ x²·x·q and Σ x²·q²
static void run_sums(const int8_t *codes, const float *x, float *along, float *squares) {
  *along = *squares = 0;
  for (int i = 0; i < RUN; i++) {
    float w = x[i] * x[i];
    *along += w * x[i] * codes[i];
    *squares += w * codes[i] * codes[i];
  }
}

static float fit_run(int8_t *codes, const float *x) {
  float extreme = qp_block_extreme(x, RUN), along, squares;
  if (fabsf(extreme) < qp_block_tiny) {
    memset(codes, -32, RUN);
    return 0;
  }
  run_codes(codes, x, -32 / extreme);
  run_sums(codes, x, &along, &squares);
  float scale = squares != 0 ? along / squares : 0, best = scale * along;
  for (int try = -9; try <= 9; try++) {
    if (try == 0) continue;
    int8_t other[RUN];
    run_codes(other, x, -(32 + 0.1f * (float)try) / extreme);
    run_sums(other, x, &along, &squares);
    if (squares > 0 && along * along > best * squares) {
      memcpy(codes, other, RUN);
      scale = along / squares;
      best = scale * along;
    }
  }
  return scale;
}

void qp_encode_q6_k(uint8_t *out, const float *x) {
  int8_t codes[RUNS * RUN];
  float scales[RUNS];
  for (int j = 0; j < RUNS; j++) scales[j] = fit_run(codes + RUN * j, x + RUN * j);
  float extreme = qp_block_extreme(scales, RUNS);
  memset(out, 0, 210);
  if (fabsf(extreme) < qp_block_tiny) return;
  uint8_t *low = out, *high = out + 128, *stored = out + 192;
  float unit = -128 / extreme;
  qp_block_put_half(out + 208, 1 / unit);
  for (int j = 0; j < RUNS; j++) {
    int scale = qp_block_nearest(unit * scales[j]);
    stored[j] = (uint8_t)(int8_t)(scale < 127 ? scale : 127);
    float d = get_half(out + 208) * (int8_t)stored[j];
    for (int i = 0; d != 0 && i < RUN; i++)
      codes[RUN * j + i] = (int8_t)qp_block_clamp(qp_block_nearest(x[RUN * j + i] / d), -32, 31);
  }
  // Of each 128 numbers: low nibbles of four runs of 32 in two, upper two bits of the four in one.
  for (int half = 0; half < 2; half++, low += 64, high += 32)
    for (int i = 0; i < 128; i++) {
      int code = codes[half * 128 + i] + 32, run = i / 32;
      low[run % 2 * 32 + i % 32] |= (uint8_t)((code & 15) << run / 2 * 4);
      high[i % 32] |= (uint8_t)(code >> 4 << run * 2);
    }
}
