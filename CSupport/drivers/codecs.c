/// Block quantization, bit for bit as bitsandbytes 0.50 does it on a processor.
#include <math.h>
#include <string.h>

#include "dispatch/kernel_set.h"
#include "reference/q4_rules.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { LARGEST_BLOCK = 4096 };

typedef struct {
  const qp_kernel_set *set;
  uint8_t *codes;
  float *absmax;
  const void *values;
  qp_storage source;
  const qp_q4_rule *rule;
  const float *bounds;
  size_t count, block, part;  // part: elements of a task, whole blocks
} quantize_job;

static const float tiny = 1e-38f;

static void load(const quantize_job *j, float *to, size_t first, size_t count) {
  switch (j->source) {
    case QP_F16: j->set->decode_f16(to, (const uint16_t *)j->values + first, count); break;
    case QP_BF16: j->set->decode_bf16(to, (const uint16_t *)j->values + first, count); break;
    default: memcpy(to, (const float *)j->values + first, count * sizeof(float)); break;
  }
}

static float clamp_small(float x) { return x < tiny ? tiny : x; }  // keeps NaN

static void q4_block(const quantize_job *j, size_t first) {
  float values[LARGEST_BLOCK + 2];
  size_t count = j->count - first < j->block ? j->count - first : j->block;
  load(j, values, first, count);
  float most = j->set->max_abs(values, count), inverse = 1 / clamp_small(most);
  if (count < j->block) {  // bitsandbytes keeps the short last block's clamped maximum, and divides by it
    most = clamp_small(most);
    for (size_t i = 0; i < count; i++) values[i] /= most;
    inverse = 1;
  }
  j->absmax[first / j->block] = most;
  uint8_t *codes = j->codes + first / 2;
  values[count] = 0;
  j->set->encode_q4(codes, values, inverse, j->rule, count + count % 2);
  if (count % 2) {  // the nibble after the last element is the code of zero
    uint8_t zeros;
    j->set->encode_q4(&zeros, (const float[2]){0, 0}, 1, j->rule, 2);
    codes[count / 2] = (uint8_t)((codes[count / 2] & 0xF0) | (zeros & 15));
  }
}

static void q4_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const quantize_job *j = context;
  size_t end = qp_part_end(j->count, j->part, i);
  for (size_t first = i * j->part; first < end; first += j->block) q4_block(j, first);
}

static size_t whole_blocks(size_t block) { return qp_rows_of_piece(block) * block; }

void qp_q4_quantize(uint8_t *codes, float *absmax, const void *values, qp_storage source, size_t count, size_t block,
                    qp_q4_kind kind) {
  quantize_job job = {.set = qp_kernels(), .codes = codes, .absmax = absmax, .values = values, .source = source,
                      .rule = &qp_q4_rules[kind], .count = count, .block = block, .part = whole_blocks(block)};
  qp_parallel_for(qp_parts(count, job.part), q4_task, &job);
}

// bitsandbytes looks the code up in a table of 65,536 bins over [-1, 1]; a bin has the code of its own value. The same without
// the table: round to the bin, then count the midpoints below it.
static uint8_t dynamic_code(float x, float inverse, const float bounds[255]) {
  float value = x * inverse;
  value = value < -1 ? -1 : value > 1 ? 1 : value;
  if (value != value) return 0;
  int bin = (int)fmaf((value + 1) * 0.5f, 65535, 0.5f);
  float centre = (float)bin;
  centre = (centre + centre) / 65535;
  centre = centre - 1;
  size_t low = 0;
  // Without a branch, which would be guessed wrongly every other time; the steps sum up to 255.
  for (size_t step = 128; step; step /= 2) low += step * (size_t)(bounds[low + step - 1] < centre);
  return (uint8_t)low;
}

void qp_dynamic8_bounds(float bounds[255], const float map[256]) {
  for (size_t i = 0; i < 255; i++) bounds[i] = (map[i] + map[i + 1]) * 0.5f;
}

void qp_dynamic8_encode(uint8_t *codes, float *absmax, const float *values, size_t count, const float bounds[255]) {
  float most = 0;
  for (size_t i = 0; i < count; i++) most = most < fabsf(values[i]) ? fabsf(values[i]) : most;
  *absmax = most;
  if (most == 0) {
    memset(codes, 0, count);
    return;
  }
  float inverse = 1 / most;
  for (size_t i = 0; i < count; i++) codes[i] = dynamic_code(values[i], inverse, bounds);
}

static void dynamic_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const quantize_job *j = context;
  const float *values = j->values;
  size_t end = qp_part_end(j->count, j->part, i);
  for (size_t first = i * j->part; first < end; first += j->block)
    qp_dynamic8_encode(j->codes + first, j->absmax + first / j->block, values + first,
                       end - first < j->block ? end - first : j->block, j->bounds);
}

void qp_dynamic8_quantize(uint8_t *codes, float *absmax, const float *values, size_t count, size_t block) {
  float bounds[255];
  qp_dynamic8_bounds(bounds, qp_dynamic_map);
  quantize_job job = {.set = qp_kernels(), .codes = codes, .absmax = absmax, .values = values, .bounds = bounds,
                      .count = count, .block = block, .part = whole_blocks(block)};
  qp_parallel_for(qp_parts(count, job.part), dynamic_task, &job);
}
