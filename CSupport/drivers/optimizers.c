/// Steps of optimizers.
#include <math.h>

#include "dispatch/kernel_set.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { BLOCK = 256, COLUMNS = 128, PART = 256 };

typedef struct {
  const qp_kernel_set *set;
  float *p, *m, *v;
  const float *gradient, *constants;
  size_t count;
  uint8_t *m_codes, *v_codes;
  const float *m_bounds, *v_bounds;
} step_job;

// ---------------------------------------------------------------------------------------------------- AdamW

static void adamw_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  const step_job *j = context;
  size_t at = i * QP_PIECE;
  j->set->adamw(j->p + at, j->m + at, j->v + at, j->gradient + at, j->constants, qp_piece(j->count, i));
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
  qp_parallel_for(qp_pieces(count), adamw_piece,
                  &(step_job){.set = qp_kernels(), .p = p, .m = m, .v = v, .gradient = gradient, .constants = constants,
                              .count = count});
}

// ---------------------------------------------------------------------------------------------------- AdamW, 8-bit moments

static void adamw8_block(const step_job *j, size_t first, size_t count) {
  float m[BLOCK], v[BLOCK], *m_absmax = j->m + first / BLOCK, *v_absmax = j->v + first / BLOCK;
  for (size_t i = 0; i < count; i++) {
    m[i] = qp_dynamic_map[j->m_codes[first + i]] * *m_absmax;
    v[i] = qp_dynamic_map_unsigned[j->v_codes[first + i]] * *v_absmax;
  }
  j->set->adamw(j->p + first, m, v, j->gradient + first, j->constants, count);
  qp_dynamic8_encode(j->m_codes + first, m_absmax, m, count, j->m_bounds);
  qp_dynamic8_encode(j->v_codes + first, v_absmax, v, count, j->v_bounds);
}

static void adamw8_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  const step_job *j = context;
  size_t end = i * QP_PIECE + qp_piece(j->count, i);
  for (size_t first = i * QP_PIECE; first < end; first += BLOCK)
    adamw8_block(j, first, end - first < BLOCK ? end - first : BLOCK);
}

void qp_adamw8(float *p, uint8_t *m_codes, float *m_absmax, uint8_t *v_codes, float *v_absmax, const float *gradient,
               float gradient_scale, float learning_rate, float beta1, float beta2, float eps, float weight_decay,
               uint64_t step, size_t count) {
  float constants[QP_ADAM_COUNT], m_bounds[255], v_bounds[255];
  qp_adam_constants(constants, gradient_scale, learning_rate, beta1, beta2, eps, weight_decay, step);
  qp_dynamic8_bounds(m_bounds, qp_dynamic_map);
  qp_dynamic8_bounds(v_bounds, qp_dynamic_map_unsigned);
  qp_parallel_for(qp_pieces(count), adamw8_piece,
                  &(step_job){.set = qp_kernels(), .p = p, .m = m_absmax, .v = v_absmax, .gradient = gradient,
                              .constants = constants, .count = count, .m_codes = m_codes, .v_codes = v_codes,
                              .m_bounds = m_bounds, .v_bounds = v_bounds});
}

// ---------------------------------------------------------------------------------------------------- Lion, SGD

static void lion_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  const step_job *j = context;
  size_t at = i * QP_PIECE;
  j->set->lion(j->p + at, j->m + at, j->gradient + at, j->constants, qp_piece(j->count, i));
}

void qp_lion(float *p, float *m, const float *gradient, float gradient_scale, float learning_rate, float beta1, float beta2,
             float weight_decay, size_t count) {
  const float constants[QP_LION_COUNT] = {
      [QP_LION_GRADIENT_SCALE] = gradient_scale,
      [QP_LION_DECAY] = (float)(1 - (double)learning_rate * weight_decay),
      [QP_LION_BETA1] = beta1,
      [QP_LION_BETA1_REST] = (float)(1 - (double)beta1),
      [QP_LION_BETA2] = beta2,
      [QP_LION_BETA2_REST] = (float)(1 - (double)beta2),
      [QP_LION_RATE] = learning_rate,
  };
  qp_parallel_for(qp_pieces(count), lion_piece,
                  &(step_job){.set = qp_kernels(), .p = p, .m = m, .gradient = gradient, .constants = constants,
                              .count = count});
}

static void sgd_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  const step_job *j = context;
  size_t at = i * QP_PIECE;
  j->set->sgd(j->p + at, j->m + at, j->gradient + at, j->constants, qp_piece(j->count, i));
}

void qp_sgd(float *p, float *m, const float *gradient, float gradient_scale, float learning_rate, float momentum,
            float weight_decay, int nesterov, size_t count) {
  const float constants[QP_SGD_COUNT] = {
      [QP_SGD_GRADIENT_SCALE] = gradient_scale, [QP_SGD_WEIGHT_DECAY] = weight_decay,
      [QP_SGD_MOMENTUM] = momentum,             [QP_SGD_GRADIENT_PART] = nesterov ? 1 : 0,
      [QP_SGD_MOMENT_PART] = nesterov ? momentum : 1, [QP_SGD_RATE] = learning_rate,
  };
  qp_parallel_for(qp_pieces(count), sgd_piece,
                  &(step_job){.set = qp_kernels(), .p = p, .m = m, .gradient = gradient, .constants = constants,
                              .count = count});
}

// ---------------------------------------------------------------------------------------------------- Adafactor

typedef struct {
  const qp_kernel_set *set;
  float *p, *row, *column, *row_factor, *column_factor, *row_sum;
  const float *gradient;
  float scale, beta2, eps, decay;
  double rate;
  size_t rows, width, part;
} factor_job;

static size_t row_end(const factor_job *j, size_t i) { return qp_part_end(j->rows, j->part, i); }

// (1 - beta2) is taken of the exact beta2.
static float towards(float moment, float beta2, double target) {
  return (float)((double)moment * beta2 + (1 - (double)beta2) * target);
}

static void rows_moment(void *context, size_t i, size_t worker) {
  (void)worker;
  const factor_job *j = context;
  for (size_t row = i * j->part; row < row_end(j, i); row++) {
    const float *g = j->gradient + row * j->width;
    double mean = j->set->dot(g, g, j->width) * j->scale * j->scale / (double)j->width;
    j->row[row] = towards(j->row[row], j->beta2, mean + j->eps);
  }
}

static void columns_moment(void *context, size_t i, size_t worker) {
  (void)worker;
  const factor_job *j = context;
  size_t first = i * COLUMNS, columns = j->width - first < COLUMNS ? j->width - first : COLUMNS;
  float sums[COLUMNS] = {0};
  for (size_t row = 0; row < j->rows; row++) {
    const float *g = j->gradient + row * j->width + first;
    j->set->multiply_add(sums, g, g, 1, columns);
  }
  for (size_t c = 0; c < columns; c++) {
    double mean = (double)sums[c] * j->scale * j->scale / (double)j->rows;
    float moment = towards(j->column[first + c], j->beta2, mean + j->eps);
    j->column[first + c] = moment;
    j->column_factor[first + c] = 1 / sqrtf(moment);
  }
}

// Sum of the squares of a row of u.
static void rows_update(void *context, size_t i, size_t worker) {
  (void)worker;
  const factor_job *j = context;
  float u[PART];
  for (size_t row = i * j->part; row < row_end(j, i); row++) {
    double sum = 0;
    for (size_t at = 0; at < j->width; at += PART) {
      size_t count = j->width - at < PART ? j->width - at : PART;
      j->set->multiply(u, j->gradient + row * j->width + at, j->column_factor + at, count);
      sum += j->set->dot(u, u, count);
    }
    double factor = (double)j->row_factor[row] * j->scale;
    j->row_sum[row] = (float)(sum * factor * factor);
  }
}

static void rows_step(void *context, size_t i, size_t worker) {
  (void)worker;
  const factor_job *j = context;
  for (size_t row = i * j->part; row < row_end(j, i); row++) {
    float *p = j->p + row * j->width;
    if (j->decay != 1) j->set->scale(p, j->decay, j->width);
    j->set->multiply_add(p, j->gradient + row * j->width, j->column_factor,
                         (float)(-j->rate * j->scale * j->row_factor[row]), j->width);
  }
}

static double clipped(double sum_of_squares, size_t count, float clip) {
  double ratio = sqrt(sum_of_squares / (double)count) / clip;
  return ratio > 1 ? ratio : 1;
}

void qp_adafactor_matrix(float *p, float *row, float *column, const float *gradient, float gradient_scale,
                         float learning_rate, float beta2, float eps, float clip, float weight_decay, size_t n, size_t d,
                         float *scratch) {
  if (n == 0 || d == 0) return;
  size_t part = qp_rows_of_piece(d), tasks = qp_parts(n, part);
  factor_job job = {.set = qp_kernels(), .p = p, .row = row, .column = column, .row_factor = scratch,
                    .row_sum = scratch + n, .column_factor = scratch + 2 * n, .gradient = gradient,
                    .scale = gradient_scale, .beta2 = beta2, .eps = eps, .rows = n, .width = d, .part = part,
                    .decay = (float)(1 - (double)learning_rate * weight_decay)};
  qp_parallel_for(tasks, rows_moment, &job);
  qp_parallel_for(qp_parts(d, COLUMNS), columns_moment, &job);
  double mean = 0, sum = 0;
  for (size_t i = 0; i < n; i++) mean += row[i];
  mean /= (double)n;
  for (size_t i = 0; i < n; i++) job.row_factor[i] = (float)(1 / sqrt(row[i] / mean));
  qp_parallel_for(tasks, rows_update, &job);
  for (size_t i = 0; i < n; i++) sum += job.row_sum[i];
  job.rate = learning_rate / clipped(sum, n * d, clip);
  qp_parallel_for(tasks, rows_step, &job);
}

static void adafactor_piece(void *context, size_t i, size_t worker) {
  (void)worker;
  const step_job *j = context;
  size_t at = i * QP_PIECE;
  j->set->adafactor(j->p + at, j->v + at, j->gradient + at, j->constants, qp_piece(j->count, i));
}

void qp_adafactor_vector(float *p, float *v, const float *gradient, float gradient_scale, float learning_rate, float beta2,
                         float eps, float clip, float weight_decay, size_t count, float *scratch) {
  if (count == 0) return;
  const float constants[QP_ADAFACTOR_COUNT] = {
      [QP_ADAFACTOR_GRADIENT_SCALE] = gradient_scale,
      [QP_ADAFACTOR_BETA2] = beta2,
      [QP_ADAFACTOR_BETA2_REST] = (float)(1 - (double)beta2),
      [QP_ADAFACTOR_EPS] = eps,
  };
  qp_parallel_for(qp_pieces(count), adafactor_piece,
                  &(step_job){.set = qp_kernels(), .p = scratch, .v = v, .gradient = gradient, .constants = constants,
                              .count = count});
  float decay = (float)(1 - (double)learning_rate * weight_decay);
  if (decay != 1) qp_scale(p, decay, count);
  qp_axpy(p, scratch, (float)(-learning_rate / clipped(qp_dot(scratch, scratch, count), count, clip)), count);
}
