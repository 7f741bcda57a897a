/// Vectors: cut into fixed pieces, so that no sum depends on the number of threads.
#include <math.h>

#include "dispatch/kernel_set.h"
#include "threads/parallel.h"

enum { PIECE = 16384, SUM_PARTS = 64, SUM_UNIT = 4096 };

typedef struct {
  const qp_kernel_set *set;
  float *y, *y2, *y3;
  const float *a, *b;
  const float *constants;
  float scale;
  size_t count, rows, width, part;
  uint64_t seed;
  uint32_t step, site;
  double *sums;
} vector_job;

static size_t pieces(size_t count) { return (count + PIECE - 1) / PIECE; }
static size_t piece(const vector_job *j, size_t i) { return j->count - i * PIECE < PIECE ? j->count - i * PIECE : PIECE; }

static void add_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->add(j->y + i * PIECE, j->a + i * PIECE, j->b + i * PIECE, piece(j, i));
}

void qp_add(float *y, const float *a, const float *b, size_t count) {
  qp_parallel_for(pieces(count), add_piece, &(vector_job){.set = qp_kernels(), .y = y, .a = a, .b = b, .count = count});
}

static void axpy_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->axpy(j->y + i * PIECE, j->a + i * PIECE, j->scale, piece(j, i));
}

void qp_axpy(float *y, const float *x, float scale, size_t count) {
  qp_parallel_for(pieces(count), axpy_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = x, .scale = scale, .count = count});
}

static void scale_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->scale(j->y + i * PIECE, j->scale, piece(j, i));
}

void qp_scale(float *y, float scale, size_t count) {
  qp_parallel_for(pieces(count), scale_piece, &(vector_job){.set = qp_kernels(), .y = y, .scale = scale, .count = count});
}

static void multiply_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->multiply(j->y + i * PIECE, j->a + i * PIECE, j->b + i * PIECE, piece(j, i));
}

void qp_multiply(float *y, const float *a, const float *b, size_t count) {
  qp_parallel_for(pieces(count), multiply_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = a, .b = b, .count = count});
}

static void add_row_task(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  size_t end = (i + 1) * j->part < j->rows ? (i + 1) * j->part : j->rows;
  for (size_t row = i * j->part; row < end; row++) {
    float *y = j->y + row * j->width;
    j->set->add(y, y, j->a, j->width);
  }
}

void qp_add_row(float *y, const float *row, size_t n, size_t d) {
  size_t part = d < PIECE ? PIECE / (d ? d : 1) : 1;
  qp_parallel_for((n + part - 1) / part, add_row_task,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = row, .rows = n, .width = d, .part = part});
}

// Each task owns some columns and takes the rows in order.
static void sum_rows_task(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  size_t first = i * j->part, columns = j->width - first < j->part ? j->width - first : j->part;
  for (size_t row = 0; row < j->rows; row++)
    j->set->add(j->y + first, j->y + first, j->a + row * j->width + first, columns);
}

void qp_sum_rows(float *row, const float *x, size_t n, size_t d) {
  size_t part = 128;
  qp_parallel_for((d + part - 1) / part, sum_rows_task,
                  &(vector_job){.set = qp_kernels(), .y = row, .a = x, .rows = n, .width = d, .part = part});
}

static void dot_task(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  size_t first = i * j->part, count = j->count - first < j->part ? j->count - first : j->part;
  double sum = 0;
  for (size_t at = 0; at < count; at += SUM_UNIT)
    sum += j->set->dot(j->a + first + at, j->b + first + at, count - at < SUM_UNIT ? count - at : SUM_UNIT);
  j->sums[i] = sum;
}

double qp_dot(const float *a, const float *b, size_t count) {
  double sums[SUM_PARTS], sum = 0;
  size_t units = (count + SUM_UNIT - 1) / SUM_UNIT, part = (units + SUM_PARTS - 1) / SUM_PARTS * SUM_UNIT;
  size_t parts = part ? (count + part - 1) / part : 0;
  qp_parallel_for(parts, dot_task,
                  &(vector_job){.set = qp_kernels(), .a = a, .b = b, .count = count, .part = part, .sums = sums});
  for (size_t i = 0; i < parts; i++) sum += sums[i];
  return sum;
}

double qp_sum_of_squares(const float *x, size_t count) { return qp_dot(x, x, count); }

static void dropout_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->dropout(j->y + i * PIECE, j->a + i * PIECE, j->scale, j->seed, j->step, j->site, i * PIECE, piece(j, i));
}

void qp_dropout(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t count) {
  qp_parallel_for(pieces(count), dropout_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = x, .scale = p, .seed = seed, .step = step, .site = site,
                                .count = count});
}

static void uniform_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->uniform(j->y + i * PIECE, j->seed, j->step, j->site, i * PIECE, piece(j, i));
}

void qp_uniform(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t count) {
  qp_parallel_for(pieces(count), uniform_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .seed = seed, .step = step, .site = site, .count = count});
}

static void adamw_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  size_t at = i * PIECE;
  j->set->adamw(j->y + at, j->y2 + at, j->y3 + at, j->a + at, j->constants, piece(j, i));
}

void qp_adam_constants(float constants[QP_ADAM_COUNT], float gradient_scale, float learning_rate, float beta1, float beta2,
                       float eps, float weight_decay, uint64_t step) {
  double correction1 = 1 - pow(beta1, (double)step), correction2 = 1 - pow(beta2, (double)step);
  constants[QP_ADAM_GRADIENT_SCALE] = gradient_scale;
  constants[QP_ADAM_DECAY] = (float)(1 - (double)learning_rate * weight_decay);
  constants[QP_ADAM_BETA1_REST] = (float)(1 - (double)beta1);
  constants[QP_ADAM_BETA2] = beta2;
  constants[QP_ADAM_BETA2_REST] = (float)(1 - (double)beta2);
  constants[QP_ADAM_STEP] = (float)(learning_rate / correction1);
  constants[QP_ADAM_INVERSE_ROOT] = (float)(1 / sqrt(correction2));
  constants[QP_ADAM_EPS] = eps;
}

void qp_adamw(float *p, float *m, float *v, const float *gradient, float gradient_scale, float learning_rate, float beta1,
              float beta2, float eps, float weight_decay, uint64_t step, size_t count) {
  float constants[QP_ADAM_COUNT];
  qp_adam_constants(constants, gradient_scale, learning_rate, beta1, beta2, eps, weight_decay, step);
  qp_parallel_for(pieces(count), adamw_piece,
                  &(vector_job){.set = qp_kernels(), .y = p, .y2 = m, .y3 = v, .a = gradient, .constants = constants,
                                .count = count});
}
