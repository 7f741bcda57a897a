/// Matrices column by column and row by row: scaled, multiplied and summed, measured. Used by adapters with magnitudes.
#include <math.h>

#include "dispatch/kernel_set.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { COLUMNS = 128 };

typedef struct {
  const qp_kernel_set *set;
  float *y;
  const float *a, *b, *shift;
  size_t rows, width, part;
} columns_job;

static void scale_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const columns_job *j = context;
  size_t end = qp_part_end(j->rows, j->part, i);
  for (size_t row = i * j->part; row < end; row++) {
    float *y = j->y + row * j->width;
    j->set->multiply(y, j->a + row * j->width, j->b, j->width);
    if (j->shift) j->set->add(y, y, j->shift, j->width);
  }
}

void qp_scale_columns(float *y, const float *x, const float *scale, const float *shift, size_t n, size_t d) {
  size_t part = qp_rows_of_piece(d);
  qp_parallel_for(qp_parts(n, part), scale_task,
                  &(columns_job){.set = qp_kernels(), .y = y, .a = x, .b = scale, .shift = shift, .rows = n, .width = d,
                                 .part = part});
}

// Each task owns some columns and takes the rows in order.
static void dots_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const columns_job *j = context;
  size_t first = i * COLUMNS, columns = j->width - first < COLUMNS ? j->width - first : COLUMNS;
  for (size_t row = 0; row < j->rows; row++) {
    size_t at = row * j->width + first;
    j->set->multiply_add(j->y + first, j->a + at, j->b + at, 1, columns);
  }
}

void qp_column_dots(float *sums, const float *a, const float *b, size_t n, size_t d) {
  qp_parallel_for(qp_parts(d, COLUMNS), dots_task,
                  &(columns_job){.set = qp_kernels(), .y = sums, .a = a, .b = b, .rows = n, .width = d});
}

static void norms_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const columns_job *j = context;
  size_t end = qp_part_end(j->rows, j->part, i);
  for (size_t row = i * j->part; row < end; row++) {
    const float *x = j->a + row * j->width;
    j->y[row] = (float)sqrt(j->set->dot(x, x, j->width));
  }
}

void qp_row_norms(float *norms, const float *x, size_t n, size_t d) {
  size_t part = qp_rows_of_piece(d);
  qp_parallel_for(qp_parts(n, part), norms_task,
                  &(columns_job){.set = qp_kernels(), .y = norms, .a = x, .rows = n, .width = d, .part = part});
}
