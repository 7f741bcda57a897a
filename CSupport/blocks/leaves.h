// Leaves for ggml's block formats, written once in vectors of 32 numbers; each instruction set includes this text between its target pragmas
// and gets its own copy. NAME(x) adds the suffix of the set, which brings
//   QP_LOOK_UP(levels, indices)  32 bytes of a table of 16
//   QP_SUMS                      how many vectors of sums take turns, so that an addition need not wait for the one before
//   QP_PRODUCTS(a, b)            of sixteen pairs of 16-bit numbers, two sums in each lane of 32 bits, of the first eight pairs in the lower half
// Formats by their definition: reference/blocks_decode.c. Layouts: ggml-common.h of llama.cpp.
#include "blocks/vectors.h"
#include "dispatch/kernel_set.h"

// Decoding rounds every step to float32, as the gguf package does: all sets give the same bits.
#pragma clang fp contract(off)

#include "blocks/plain.h"

#include "blocks/k.h"

#include "blocks/coded.h"

typedef struct {
  size_t bytes, parts;   // of a block; a part is 32 numbers
  size_t blocks;         // whose scales are found at once
  size_t runs;           // of a part that have a scale each, 1 or 2
  int has_offsets;
  int bias;
  /// Part `part` of a block: a number is scale * (code - bias), or scale * code + offset.
  qp_i8x32 (*codes)(const uint8_t *block, size_t part);
  /// Of all runs of 1 or `blocks` blocks.
  void (*scales)(float *scales, float *offsets, const uint8_t *block, size_t bytes, size_t blocks);
} NAME(block_format);

enum { NAME(MOST_RUNS) = 16 };

static inline void NAME(decode_run)(float *y, qp_i8x16 codes, float scale, float offset, int has_offset) {
  qp_f32x16 v = __builtin_convertvector(codes, qp_f32x16) * scale;
  if (has_offset) v = v + offset;
  memcpy(y, &v, sizeof v);
}

// Parts `part` ..< `end` of `blocks` blocks. `blocks` and `f` are constants of each call.
__attribute__((always_inline)) static inline void NAME(decode_parts)(float *y, const uint8_t *block, size_t part, size_t end,
                                                                     const size_t blocks, const NAME(block_format) f) {
  float scales[NAME(MOST_RUNS)], offsets[NAME(MOST_RUNS)] = {0};
  f.scales(scales, offsets, block, f.bytes, blocks);
  for (; part < end; part++, y += 32) {
    qp_i8x32 codes = f.codes(block + part / f.parts * f.bytes, part % f.parts) - (int8_t)f.bias;
    qp_i8x16 first = __builtin_shufflevector(codes, codes, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    qp_i8x16 second = __builtin_shufflevector(codes, codes, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    size_t run = part * f.runs, next = run + f.runs - 1;
    NAME(decode_run)(y, first, scales[run], offsets[run], f.has_offsets);
    NAME(decode_run)(y + 16, second, scales[next], offsets[next], f.has_offsets);
  }
}

// `f` is a constant of each call.
__attribute__((always_inline)) static inline void NAME(decode)(float *y, const uint8_t *block, size_t part, size_t count,
                                                               const NAME(block_format) f) {
  size_t group = f.blocks * f.parts;
  while (count > 0) {
    size_t end = part + count < f.parts ? part + count : f.parts, done = end - part;
    if (part == 0 && count >= group)
      NAME(decode_parts)(y, block, 0, group, f.blocks, f), done = group;
    else
      NAME(decode_parts)(y, block, part, end, 1, f);
    block += (part + done) / f.parts * f.bytes, part = 0;
    y += 32 * done, count -= done;
  }
}

#pragma clang fp contract(on)

// Σ code * x, exact; the first sixteen codes in the lower four lanes. x: even numbers, then odd ones.
static inline qp_i32x8 NAME(sums)(qp_i8x32 codes, const int16_t *x) {
  qp_i16x16 even, odd, pairs = (qp_i16x16)codes;
  memcpy(&even, x, sizeof even), memcpy(&odd, x + 16, sizeof odd);
  return QP_PRODUCTS(pairs << 8 >> 8, even) + QP_PRODUCTS(pairs >> 8, odd);
}

typedef struct {
  qp_f32x8 sums[QP_SUMS];
  float offsets[NAME(MOST_RUNS)];
} NAME(fixed_sum);

// Adds `blocks` blocks of a row. `blocks` and `f` are constants of each call.
__attribute__((always_inline)) static inline void NAME(add_blocks)(NAME(fixed_sum) *sum, const uint8_t *block, const int16_t *x,
                                                                   const float *x_scales, const float *x_sums, const size_t blocks,
                                                                   const NAME(block_format) f) {
  enum { AHEAD = 4096 };  // the processor's own prefetcher does not go past a page
  for (size_t at = 0; at < blocks * f.bytes; at += 64) __builtin_prefetch(block + at + AHEAD);
  float scales[NAME(MOST_RUNS)], offsets[NAME(MOST_RUNS)];
  f.scales(scales, offsets, block, f.bytes, blocks);
  size_t parts = blocks * f.parts, runs = parts * f.runs;
  // Of a bias the sums of x take their share, as of an offset.
  for (size_t i = 0; f.bias && i < runs; i++) offsets[i] = (float)-f.bias * scales[i];
  for (size_t i = 0; f.runs == 1 && i < runs; i++) scales[i] *= x_scales[i];
  for (size_t i = 0; (f.has_offsets || f.bias) && i < runs; i++) sum->offsets[i] += offsets[i] * x_sums[i];
#pragma clang loop unroll(full)
  for (size_t part = 0; part < parts; part++) {
    float a = scales[part * f.runs], b = scales[part * f.runs + f.runs - 1];
    qp_i32x8 exact = NAME(sums)(f.codes(block + part / f.parts * f.bytes, part % f.parts), x + 32 * part);
    qp_f32x8 scale = {a, a, a, a, b, b, b, b};
    sum->sums[part % QP_SUMS] += __builtin_convertvector(exact, qp_f32x8) * (f.runs == 1 ? scale : scale * x_scales[part]);
  }
}

// One row. `f` is a constant of each call.
__attribute__((always_inline)) static inline float NAME(fixed_row)(const uint8_t *block, const int16_t *x, const float *x_scales,
                                                                   const float *x_sums, size_t blocks, const NAME(block_format) f) {
  NAME(fixed_sum) sum = {0};
  size_t i = 0, runs = f.parts * f.runs;
  for (; i + f.blocks <= blocks; i += f.blocks)
    NAME(add_blocks)(&sum, block + i * f.bytes, x + 32 * f.parts * i, x_scales + f.parts * i, x_sums + runs * i, f.blocks, f);
  for (; i < blocks; i++)
    NAME(add_blocks)(&sum, block + i * f.bytes, x + 32 * f.parts * i, x_scales + f.parts * i, x_sums + runs * i, 1, f);
  qp_f32x8 all = sum.sums[0];
  for (size_t n = 1; n < QP_SUMS; n++) all += sum.sums[n];
  for (size_t k = 0; k < NAME(MOST_RUNS); k += 8) {
    qp_f32x8 offsets;
    memcpy(&offsets, sum.offsets + k, sizeof offsets);
    all += offsets;
  }
  qp_f32x4 half = __builtin_shufflevector(all, all, 0, 1, 2, 3) + __builtin_shufflevector(all, all, 4, 5, 6, 7);
  return (half[0] + half[2]) + (half[1] + half[3]);
}

__attribute__((always_inline)) static inline void NAME(fixed_rows)(float *y, const int16_t *x, const float *x_scales, const float *x_sums,
                                                                   const uint8_t *row, size_t rows, size_t blocks,
                                                                   const NAME(block_format) f) {
  for (size_t r = 0; r < rows; r++) y[r] = NAME(fixed_row)(row + r * blocks * f.bytes, x, x_scales, x_sums, blocks, f);
}

// Name, then the fields of a format in order.
#define QP_FORMATS(format)                                        \
  format(Q4_0, 18, 1, 8, 1, 0, 8, q4_0_codes, one_scale)          \
  format(Q4_1, 20, 1, 8, 1, 1, 0, q4_1_codes, scale_and_offset)   \
  format(Q5_0, 22, 1, 8, 1, 0, 16, q5_0_codes, one_scale)         \
  format(Q5_1, 24, 1, 8, 1, 1, 0, q5_1_codes, scale_and_offset)   \
  format(Q8_0, 34, 1, 8, 1, 0, 0, q8_0_codes, one_scale)          \
  format(Q2_K, 84, 8, 1, 2, 1, 0, q2_k_codes, q2_k_scales)        \
  format(Q3_K, 110, 8, 1, 2, 0, 4, q3_k_codes, q3_k_scales)       \
  format(Q4_K, 144, 8, 1, 1, 1, 0, q4_k_codes, q4_k_scales)       \
  format(Q5_K, 176, 8, 1, 1, 1, 0, q5_k_codes, q4_k_scales)       \
  format(Q6_K, 210, 8, 1, 2, 0, 32, q6_k_codes, q6_k_scales)      \
  format(IQ4_NL, 18, 1, 8, 1, 0, 0, iq4_nl_codes, one_scale)      \
  format(IQ4_XS, 136, 8, 1, 1, 0, 0, iq4_xs_codes, iq4_xs_scales) \
  format(MXFP4, 17, 1, 8, 1, 0, 0, mxfp4_codes, mxfp4_scales)

// A constant of each call, so that every format has loops of its own.
#define QP_FORMAT(bytes, parts, blocks, runs, has_offsets, bias, codes, scales) \
  (NAME(block_format)) { bytes, parts, blocks, runs, has_offsets, bias, NAME(codes), NAME(scales) }

void NAME(qp_decode_blocks)(qp_storage storage, float *y, const uint8_t *block, size_t part, size_t count) {
#define QP_DECODE(format, ...) \
  case QP_GGML_##format: NAME(decode)(y, block, part, count, QP_FORMAT(__VA_ARGS__)); break;
  switch (storage) {
    QP_FORMATS(QP_DECODE)
    default: break;
  }
#undef QP_DECODE
}

void NAME(qp_fixed_blocks)(float *y, const int16_t *x, const float *x_scales, const float *x_sums, qp_storage storage, const uint8_t *row,
                           size_t rows, size_t blocks) {
#define QP_ROWS(format, ...) \
  case QP_GGML_##format: NAME(fixed_rows)(y, x, x_scales, x_sums, row, rows, blocks, QP_FORMAT(__VA_ARGS__)); break;
  switch (storage) {
    QP_FORMATS(QP_ROWS)
    default: break;
  }
#undef QP_ROWS
}
