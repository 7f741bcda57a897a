/// Norms, rotation, gated units, cross entropy: one task takes some whole rows.
#include <float.h>
#include <math.h>

#include "dispatch/kernel_set.h"
#include "drivers/results.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { COLUMNS = 128, BLOCKS = 128, LEAST_BLOCK = 1024 };  // BLOCKS: of a row of logits, at most

typedef struct {
  const qp_kernel_set *set;
  float *y, *y2;
  const float *x, *dy, *weight, *inverse_rms, *cosine, *sine;
  const int32_t *ids;
  int32_t *argmax;
  float scale;
  size_t n, d, part, head;
  int flag, past;
} row_job;

static size_t end_of(const row_job *j, size_t i) { return qp_part_end(j->n, j->part, i); }

static void rms_norm_task(void *context, size_t i, size_t worker) {
  (void)worker;
  row_job *j = context;
  float room[QP_RESULT_ROOM];
  for (size_t row = i * j->part; row < end_of(j, i); row++) {
    float *y = j->y + row * j->d;
    j->y2[row] = j->set->rms_norm(j->past ? room : y, j->x + row * j->d, j->weight, j->scale, j->d);
    if (j->past) j->set->write_past(y, room, j->d);
  }
  if (j->past) qp_end_of_results();
}

void qp_rms_norm(float *y, float *inverse_rms, const float *x, const float *weight, float eps, size_t n, size_t d) {
  size_t part = qp_rows_of_piece(d);
  qp_parallel_for(qp_parts(n, part), rms_norm_task,
                  &(row_job){.set = qp_kernels(), .y = y, .y2 = inverse_rms, .x = x, .weight = weight, .scale = eps, .n = n,
                             .d = d, .part = part, .past = qp_goes_past_caches(n, d)});
}

static void rms_norm_backward_task(void *context, size_t i, size_t worker) {
  (void)worker;
  row_job *j = context;
  float room[QP_RESULT_ROOM];
  for (size_t row = i * j->part; row < end_of(j, i); row++) {
    float *dx = j->y + row * j->d;
    j->set->rms_norm_backward(j->past ? room : dx, j->dy + row * j->d, j->x + row * j->d, j->inverse_rms[row], j->weight, j->d,
                              j->flag);
    if (j->past) j->set->write_past(dx, room, j->d);
  }
  if (j->past) qp_end_of_results();
}

// Each task owns some columns and takes the rows in order.
static void rms_norm_weight_task(void *context, size_t i, size_t worker) {
  (void)worker;
  row_job *j = context;
  size_t first = i * COLUMNS, count = j->d - first < COLUMNS ? j->d - first : COLUMNS;
  for (size_t row = 0; row < j->n; row++)
    j->set->multiply_add(j->y + first, j->dy + row * j->d + first, j->x + row * j->d + first, j->inverse_rms[row], count);
}

void qp_rms_norm_backward(float *dx, float *dweight, const float *dy, const float *x, const float *inverse_rms,
                          const float *weight, size_t n, size_t d, int accumulate) {
  size_t part = qp_rows_of_piece(d);
  row_job job = {.set = qp_kernels(), .y = dx, .dy = dy, .x = x, .inverse_rms = inverse_rms, .weight = weight, .n = n,
                 .d = d, .part = part, .flag = accumulate, .past = !accumulate && qp_goes_past_caches(n, d)};
  qp_parallel_for(qp_parts(n, part), rms_norm_backward_task, &job);
  job.y = dweight;
  if (dweight) qp_parallel_for(qp_parts(d, COLUMNS), rms_norm_weight_task, &job);
}

static void rotate_task(void *context, size_t i, size_t worker) {
  (void)worker;
  row_job *j = context;
  float room[QP_RESULT_ROOM];
  size_t half = j->head / 2;
  for (size_t row = i * j->part; row < end_of(j, i); row++) {
    float *y = j->y + row * j->d, *to = j->past ? room : y;
    size_t angles = (size_t)j->ids[row] * half;
    for (size_t at = 0; at < j->d; at += j->head)
      j->set->rotate(to + at, j->x + row * j->d + at, j->cosine + angles, j->sine + angles, half, j->flag);
    if (j->past) j->set->write_past(y, room, j->d);
  }
  if (j->past) qp_end_of_results();
}

void qp_rotate(float *y, const float *x, const float *cosine, const float *sine, const int32_t *positions, size_t n, size_t heads,
               size_t head, int inverse) {
  size_t d = heads * head, part = qp_rows_of_piece(d);
  qp_parallel_for(qp_parts(n, part), rotate_task,
                  &(row_job){.set = qp_kernels(), .y = y, .x = x, .cosine = cosine, .sine = sine, .ids = positions, .n = n, .d = d,
                             .head = head, .flag = inverse, .part = part, .past = qp_goes_past_caches(n, d)});
}

static void swiglu_task(void *context, size_t i, size_t worker) {
  (void)worker;
  row_job *j = context;
  size_t first = i * j->part;
  j->set->swiglu(j->y + first, j->x + first, j->weight + first, end_of(j, i) - first);
}

void qp_swiglu(float *y, const float *gate, const float *up, size_t count) {
  qp_parallel_for(qp_pieces(count), swiglu_task,
                  &(row_job){.set = qp_kernels(), .y = y, .x = gate, .weight = up, .n = count, .part = QP_PIECE});
}

static void swiglu_backward_task(void *context, size_t i, size_t worker) {
  (void)worker;
  row_job *j = context;
  size_t first = i * j->part;
  j->set->swiglu_backward(j->y + first, j->y2 + first, j->dy + first, j->x + first, j->weight + first,
                          end_of(j, i) - first);
}

void qp_swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t count) {
  qp_parallel_for(qp_pieces(count), swiglu_backward_task,
                  &(row_job){.set = qp_kernels(), .y = dgate, .y2 = dup, .dy = dy, .x = gate, .weight = up, .n = count,
                             .part = QP_PIECE});
}

// The largest logit so far is subtracted from a block, so that a row comes from memory once; later the block is scaled by what the
// largest of all makes of that.
static void cross_entropy_task(void *context, size_t row, size_t worker) {
  (void)worker;
  row_job *j = context;
  float *logits = j->y + row * j->d, shifts[BLOCKS], most = -FLT_MAX;
  size_t label = (size_t)j->ids[row], width = qp_round_up(qp_parts(j->d, BLOCKS), LEAST_BLOCK);
  double sum = 0;
  float at_label = logits[label];
  if (j->argmax) j->argmax[row] = 0;
  for (size_t i = 0; i * width < j->d; i++) {
    float *block = logits + i * width, before = most, here;
    size_t count = qp_least(j->d - i * width, width), at = 0;
    here = j->set->row_max(block, count);
    if (here > most) {
      most = here;
      while (j->argmax && at < count && block[at] != most) at++;
      if (j->argmax) j->argmax[row] = (int32_t)(i * width + at);
    }
    shifts[i] = most;
    sum = sum * exp((double)before - most) + j->set->exp_sum(j->flag ? block : NULL, block, 1, most, count);
  }
  j->y2[row] = (float)(log(sum) + most - at_label);
  if (!j->flag) return;
  for (size_t i = 0; i * width < j->d; i++)
    j->set->scale(logits + i * width, (float)(j->scale / sum * exp((double)shifts[i] - most)), qp_least(j->d - i * width, width));
  logits[label] -= j->scale;
}

void qp_cross_entropy(float *logits, float *losses, int32_t *argmax, const int32_t *labels, float scale, size_t n,
                      size_t vocabulary, int gradient) {
  qp_parallel_for(n, cross_entropy_task,
                  &(row_job){.set = qp_kernels(), .y = logits, .y2 = losses, .argmax = argmax, .ids = labels,
                             .scale = scale, .n = n, .d = vocabulary, .flag = gradient});
}
