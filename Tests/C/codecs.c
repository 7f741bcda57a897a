/// Decoders and encoders: the same bits as the scalar definition.
#include "check.h"

#include "reference/leaves.h"
#include "reference/q4_rules.h"

static const size_t counts[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130, 1001};
enum { COUNTS = sizeof counts / sizeof *counts };

static void decoders(const qp_kernel_set *set) {
  for (size_t c = 0; c < COUNTS; c++) {
    size_t count = counts[c];
    at("decode, %zu numbers", count);
    const uint8_t *codes = random_bytes((count + 1) / 2);
    float *found = room_floats(count), *expected = room_floats(count);
    for (int kind = 0; kind < 2; kind++) {
      const float *levels = kind ? qp_fp4_levels : qp_nf4_levels;
      set->decode_q4(found, codes, levels, 0.37f, count);
      qp_ref_decode_q4(expected, codes, levels, 0.37f, count);
      same("decode_q4", found, expected, count * sizeof(float));
    }
    clear();
  }
  // Every 16-bit number there is, infinities and every NaN among them.
  uint16_t *halves = room(65536 * sizeof(uint16_t));
  for (size_t i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
  float *found = room_floats(65536), *expected = room_floats(65536);
  for (size_t count = 65529; count <= 65536; count++) {
    at("all 16-bit numbers, the first %zu", count);
    set->decode_f16(found, halves, count);
    qp_ref_decode_f16(expected, halves, count);
    same("decode_f16", found, expected, count * sizeof(float));
    set->decode_bf16(found, halves, count);
    qp_ref_decode_bf16(expected, halves, count);
    same("decode_bf16", found, expected, count * sizeof(float));
  }
  clear();
}

static void encoders(const qp_kernel_set *set) {
  static const float odd[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, 0x1p-149f, -0x1p-140f, 1, -1, 2, -2};
  for (size_t c = 0; c < COUNTS; c++)
    for (int kind = 0; kind < 2; kind++) {
      size_t count = counts[c] + counts[c] % 2;
      at("encode, %zu numbers, kind %d", count, kind);
      float *x = random_floats(count, 1.2f);
      for (size_t i = 0; i + 1 < count && i < 15; i++) x[i] = qp_q4_rules[kind].bounds[i];  // ties
      for (size_t i = 0; i < sizeof odd / sizeof *odd && 20 + i < count; i++) x[20 + i] = odd[i];
      uint8_t *found = room(count / 2), *expected = room(count / 2);
      set->encode_q4(found, x, 1, &qp_q4_rules[kind], count);
      qp_ref_encode_q4(expected, x, 1, &qp_q4_rules[kind], count);
      same("encode_q4", found, expected, count / 2);
      set->encode_q4(found, x, 0.73f, &qp_q4_rules[kind], count);
      qp_ref_encode_q4(expected, x, 0.73f, &qp_q4_rules[kind], count);
      same("encode_q4, scaled", found, expected, count / 2);
      clear();
    }
  for (size_t c = 0; c < COUNTS; c++) {
    at("max_abs of %zu numbers", counts[c]);
    float *x = random_floats(counts[c], 3), most = set->max_abs(x, counts[c]), expected = qp_ref_max_abs(x, counts[c]);
    same("max_abs", &most, &expected, sizeof most);
    x[counts[c] / 2] = NAN;
    most = set->max_abs(x, counts[c]);
    holds("NaN is found", most != most);
    clear();
  }
}

void test_codecs(const qp_kernel_set *set) {
  decoders(set);
  encoders(set);
}
