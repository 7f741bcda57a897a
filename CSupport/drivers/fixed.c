/// x · Wᵀ of one token with a 4-bit W, in fixed point: for writing text, where the product is bound by decoding.
///
/// Of every QP_FIXED columns, x becomes whole numbers in ±16383 with one float scale, and so do the 16 levels for all of W. Eight
/// products of two such numbers sum up exactly in 32 bits, so a lane of a leaf adds the 64 of a run without a conversion; then the
/// sum is scaled by the block's scale and that of x. So x has an error of at most 1 / 32766 of the largest of its 64 neighbours, a
/// level one of 1 / 32766 of the largest level: a hundred times less than 8-bit activations have, with about as many
/// instructions, since a lookup of 16 bits costs little more than one of 8.
#include <math.h>
#include <string.h>

#include "drivers/few.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { MOST = 16383 };

typedef struct {
  const qp_kernel_set *set;
  float *y;
  const int16_t *x;
  const float *x_scales;
  const qp_matrix *w;
  int16_t levels[16];
  const qp_low_rank *term;  // of tasks, or NULL
  size_t part;
} fixed_job;

// The nearest whole number, the even one of two, of x within ±2^21: its bits end those of x + 1.5 * 2^23.
static int16_t nearest(float x) {
  uint32_t bits;
  x += 0x1.8p23f;
  memcpy(&bits, &x, sizeof bits);
  return (int16_t)(bits - 0x4b400000);
}

// Whole numbers of x, and what to multiply them by. Where x is not finite the scale is NaN.
static float fixed(int16_t *to, const float *x, size_t count, float most) {
  int usable = most >= 0x1p-100f && most <= 0x1p126f;
  float inverse = usable ? MOST / most : 0;
  for (size_t i = 0; i < count; i++) to[i] = nearest(usable ? x[i] * inverse : 0);
  return usable ? most / MOST : most < 1 ? 0 : NAN;
}

static void rows_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const fixed_job *j = context;
  size_t first = i * j->part, rows = qp_least(j->w->rows - first, j->part);
  size_t run = j->term ? QP_TERM_ROWS : rows;
  for (size_t row = first, end = first + rows; row < end; row += run) {
    size_t count = qp_least(end - row, run);
    j->set->fixed_rows(j->y, j->x, j->x_scales, j->w, j->levels, row, count);
    if (j->term) qp_few_add_term(j->set, j->y, j->w->rows, j->term, row, count, 1);
  }
}

static int takes(const qp_kernel_set *set, const qp_matrix *w) {
  return set->fixed_rows && w->storage == QP_Q4 && qp_leaves_read(w) && w->columns % QP_FIXED == 0 &&
         w->block >= QP_FIXED && (w->absmax || (w->nested_block & (w->nested_block - 1)) == 0);
}

void qp_matmul_fixed(float *y, const float *x, const qp_matrix *w, size_t n, const qp_low_rank *term, void *scratch) {
  const qp_kernel_set *set = qp_kernels();
  float largest = takes(set, w) && n == 1 ? set->max_abs(w->levels, 16) : 0;
  if (!(largest >= 0x1p-100f && largest <= 0x1p126f)) {
    qp_matmul(y, x, w, n, 0, term, scratch);
    return;
  }
  size_t blocks = w->columns / QP_FIXED;
  float *scales = scratch;
  int16_t *arranged = (int16_t *)(scales + (blocks + 15) / 16 * 16);
  fixed_job job = {.set = set, .y = y, .x = arranged, .x_scales = scales, .w = w};
  float level_scale = fixed(job.levels, w->levels, 16, largest);
  for (size_t b = 0; b < blocks; b++) {
    int16_t numbers[QP_FIXED];
    const float *at = x + b * QP_FIXED;
    scales[b] = fixed(numbers, at, QP_FIXED, set->max_abs(at, QP_FIXED)) * level_scale;
    set->fixed_arrange(arranged, numbers, b);
  }
  if (set->narrow_rows) job.term = term;
  job.part = qp_rows_of_stream(w->rows, w->columns / 2, qp_thread_count());
  qp_parallel_for(qp_parts(w->rows, job.part), rows_task, &job);
  if (term && !job.term) qp_gemm(y, term->hidden, 0, term->factor, 1, n, w->rows, term->rank, 1);
}
