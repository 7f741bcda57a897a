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

// Numbers between each 16-bit one and the next.
static void rounding(const qp_kernel_set *set) {
  static const uint32_t between[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001, 0xffff};
  static const float known[][2] = {{1, 1}, {0x1.01p0f, 1}, {0x1.010002p0f, 0x1.02p0f}, {0x1.03p0f, 0x1.04p0f}, {-0x1.feffp1f, -0x1.fep1f},
                                   {0x1.ffp127f, INFINITY}, {INFINITY, INFINITY}, {0x1p-149f, 0}};
  at("known numbers in bfloat16");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    float rounded = known[i][0];
    set->round_bf16(&rounded, 1);
    holds("round_bf16", rounded == known[i][1]);
  }
  float nan = NAN;
  set->round_bf16(&nan, 1);
  holds("round_bf16 of NaN", isnan(nan));
  uint32_t *bits = room(65536 * sizeof *bits);
  float *found = room_floats(65536), *expected = room_floats(65536);
  for (size_t b = 0; b < sizeof between / sizeof *between; b++) {
    for (uint32_t i = 0; i < 65536; i++) bits[i] = i << 16 | between[b];
    at("rounding of numbers that end with %x", between[b]);
    memcpy(found, bits, 65536 * sizeof(float)), memcpy(expected, bits, 65536 * sizeof(float));
    set->round_bf16(found, 65533), qp_ref_round_bf16(expected, 65533);
    same("round_bf16", found, expected, 65536 * sizeof(float));
    uint16_t *halves = room(65533 * sizeof *halves), *expected_halves = room(65533 * sizeof *halves);
    memcpy(found, bits, 65536 * sizeof(float));
    set->encode_f16(halves, found, 65533), qp_ref_encode_f16(expected_halves, found, 65533);
    same("encode_f16", halves, expected_halves, 65533 * sizeof *halves);
  }
  clear();
}

// What float16 holds comes back, the infinities as the largest number.
static void halves_there_and_back(const qp_kernel_set *set) {
  at("float16 there and back");
  uint16_t *halves = room(65536 * sizeof *halves), *found = room(65536 * sizeof *found);
  float *numbers = room_floats(65536);
  for (size_t i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
  set->decode_f16(numbers, halves, 65536);
  set->encode_f16(found, numbers, 65536);
  for (size_t i = 0; i < 65536; i++) {
    uint16_t size = i & 0x7fff, sign = i & 0x8000;
    halves[i] = sign | (size > 0x7c00 ? 0x7e00 : size == 0x7c00 ? 0x7bff : size);
  }
  same("encode_f16", found, halves, 65536 * sizeof *found);
  clear();
}

// Halves of whole numbers among them, which go to the even one.
static void whole_numbers(const qp_kernel_set *set) {
  for (size_t count = 0; count <= 70; count++) {
    at("%zu whole numbers", count);
    float *x = random_floats(count, 16383);
    for (size_t i = 0; i < count; i += 3) x[i] = (float)((int)x[i]) + 0.5f;
    int16_t *found = room(count * sizeof *found), *expected = room(count * sizeof *expected);
    float inverse = count % 2 ? 1 : 0.5f;
    set->encode_i16(found, x, inverse, count), qp_ref_encode_i16(expected, x, inverse, count);
    same("encode_i16", found, expected, count * sizeof *found);
  }
  clear();
}

// Pairs are the upper halves of rounded numbers, the first one below.
static void pairs(const qp_kernel_set *set) {
  for (size_t count = 1; count <= 130; count++) {
    size_t width = 1 + count * 7 % 64, ld = width + count % 3, steps = (count + 1) / 2;
    at("%zu numbers in pairs, %zu columns", count, width);
    float *x = random_floats(count, 1), *columns = random_floats(count * ld, 1), *found = room_floats(steps);
    uint32_t *expected = memset(room(steps * sizeof *expected), 0, steps * sizeof *expected), bits;
    for (size_t i = 0; i < count; i++) {
      float rounded = x[i];
      qp_ref_round_bf16(&rounded, 1);
      memcpy(&bits, &rounded, 4);
      expected[i / 2] |= i % 2 ? bits : bits >> 16;
    }
    set->pairs->row(found, x, count);
    same("a row in pairs", found, expected, steps * sizeof(float));
    set->pairs->row(x, x, count);
    same("in its place", x, expected, steps * sizeof(float));
    uint32_t *rows = copy_of(columns, count * ld * sizeof(float));  // what is not written stays
    for (size_t k = 0; k < count; k++)
      for (size_t c = 0; c < width; c++) {
        float rounded = columns[k * ld + c];
        qp_ref_round_bf16(&rounded, 1);
        memcpy(&bits, &rounded, 4);
        rows[k / 2 * ld + c] = k % 2 ? rows[k / 2 * ld + c] | bits : bits >> 16;
      }
    set->pairs->columns(columns, columns, ld, width, count);
    same("columns of pairs", columns, rows, count * ld * sizeof(float));
    clear();
  }
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
  halves_there_and_back(set);
  decoders(set);
  rounding(set);
  whole_numbers(set);
  if (set->pairs && set->pairs->supported())
    pairs(set);
  else if (set->pairs)
    printf("%-10s pairs of bfloat16 left out: this processor does not multiply them\n", set->name);
  encoders(set);
}
