/// Vectors: cut into fixed pieces, so that no sum depends on the number of threads.
#include "dispatch/kernel_set.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { SUM_PARTS = 64, SUM_UNIT = 4096 };

typedef struct {
  const qp_kernel_set *set;
  float *y;
  const float *a, *b;
  float scale;
  size_t count, rows, width, part;
  uint64_t seed;
  uint32_t step, site;
  double *sums;
} vector_job;

static void add_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->add(j->y + i * QP_PIECE, j->a + i * QP_PIECE, j->b + i * QP_PIECE, qp_piece(j->count, i));
}

void qp_add(float *y, const float *a, const float *b, size_t count) {
  qp_parallel_for(qp_pieces(count), add_piece, &(vector_job){.set = qp_kernels(), .y = y, .a = a, .b = b, .count = count});
}

static void axpy_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->axpy(j->y + i * QP_PIECE, j->a + i * QP_PIECE, j->scale, qp_piece(j->count, i));
}

void qp_axpy(float *y, const float *x, float scale, size_t count) {
  qp_parallel_for(qp_pieces(count), axpy_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = x, .scale = scale, .count = count});
}

static void scale_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->scale(j->y + i * QP_PIECE, j->scale, qp_piece(j->count, i));
}

void qp_scale(float *y, float scale, size_t count) {
  qp_parallel_for(qp_pieces(count), scale_piece, &(vector_job){.set = qp_kernels(), .y = y, .scale = scale, .count = count});
}

static void multiply_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->multiply(j->y + i * QP_PIECE, j->a + i * QP_PIECE, j->b + i * QP_PIECE, qp_piece(j->count, i));
}

void qp_multiply(float *y, const float *a, const float *b, size_t count) {
  qp_parallel_for(qp_pieces(count), multiply_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = a, .b = b, .count = count});
}

static void add_row_task(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  size_t end = qp_part_end(j->rows, j->part, i);
  for (size_t row = i * j->part; row < end; row++) {
    float *y = j->y + row * j->width;
    j->set->add(y, y, j->a, j->width);
  }
}

void qp_add_row(float *y, const float *row, size_t n, size_t d) {
  size_t part = qp_rows_of_piece(d);
  qp_parallel_for(qp_parts(n, part), add_row_task,
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
  qp_parallel_for(qp_parts(d, part), sum_rows_task,
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
  size_t parts = part ? qp_parts(count, part) : 0;
  qp_parallel_for(parts, dot_task,
                  &(vector_job){.set = qp_kernels(), .a = a, .b = b, .count = count, .part = part, .sums = sums});
  for (size_t i = 0; i < parts; i++) sum += sums[i];
  return sum;
}

double qp_sum_of_squares(const float *x, size_t count) { return qp_dot(x, x, count); }

static void dropout_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->dropout(j->y + i * QP_PIECE, j->a + i * QP_PIECE, j->scale, j->seed, j->step, j->site, i * QP_PIECE, qp_piece(j->count, i));
}

void qp_dropout(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t count) {
  qp_parallel_for(qp_pieces(count), dropout_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .a = x, .scale = p, .seed = seed, .step = step, .site = site,
                                .count = count});
}

static void uniform_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  vector_job *j = context;
  j->set->uniform(j->y + i * QP_PIECE, j->seed, j->step, j->site, i * QP_PIECE, qp_piece(j->count, i));
}

void qp_uniform(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t count) {
  qp_parallel_for(qp_pieces(count), uniform_piece,
                  &(vector_job){.set = qp_kernels(), .y = y, .seed = seed, .step = step, .site = site, .count = count});
}
