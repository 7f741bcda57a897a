/// ggml's block formats, written: many blocks on all threads.
#include "include/qpeft_kernels.h"
#include "reference/blocks_encode.h"
#include "drivers/split.h"
#include "threads/parallel.h"

static qp_block_encoder *const encoders[QP_STORAGE_COUNT] = {
    [QP_GGML_Q4_0] = qp_encode_q4_0, [QP_GGML_Q4_1] = qp_encode_q4_1,     [QP_GGML_Q5_0] = qp_encode_q5_0,
    [QP_GGML_Q8_0] = qp_encode_q8_0, [QP_GGML_IQ4_NL] = qp_encode_iq4_nl, [QP_GGML_Q4_K] = qp_encode_q4_k,
    [QP_GGML_Q6_K] = qp_encode_q6_k,
};

typedef struct {
  qp_block_encoder *encode;
  qp_block block;
  uint8_t *blocks;
  const float *x;
  size_t count, part;  // blocks in all, and of a task
} encode_job;

static void encode_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const encode_job *j = context;
  size_t end = qp_part_end(j->count, j->part, i);
  for (size_t b = i * j->part; b < end; b++) j->encode(j->blocks + b * j->block.bytes, j->x + b * j->block.count);
}

int qp_blocks_are_written(qp_storage storage) { return encoders[storage] != NULL; }

void qp_blocks_encode(uint8_t *blocks, const float *x, qp_storage storage, size_t count) {
  encode_job job = {.encode = encoders[storage], .block = qp_block_of(storage), .blocks = blocks, .x = x, .count = count};
  job.part = 4096 / job.block.count;
  qp_parallel_for(qp_parts(count, job.part), encode_task, &job);
}
