/// x · Wᵀ of one token with a 4-bit W or blocks of GGUF, in fixed point: for writing text, where the product is bound by decoding.
///
/// Of every QP_FIXED columns, x becomes whole numbers in ±16383 with one float scale, and so do the 16 levels for all of W. Eight
/// products of two such numbers sum up exactly in 32 bits, so a lane of a leaf adds the 64 of a run without a conversion; then the
/// sum is scaled by the block's scale and that of x. So x has an error of at most 1 / 32766 of the largest of its 64 neighbours, a
/// level one of 1 / 32766 of the largest level: a hundred times less than 8-bit activations have, with about as many
/// instructions, since a lookup of 16 bits costs little more than one of 8.
/// Codes of GGUF are whole numbers already. There x has a scale for each 32 columns.
#include <string.h>

#include "drivers/few.h"
#include "drivers/split.h"
#include "threads/parallel.h"

enum { MOST = 16383 };

// A run of x whose largest number is below the first counts as zero; x with one above the second is multiplied as floats. Between them, with
// levels of about 1, no scale and no sum of a run leaves the range of float32.
static const float least_x = 0x1p-100f, largest_x = 0x1p100f;

typedef struct {
  const qp_kernel_set *set;
  float *y;
  const int16_t *x;
  const float *x_scales;
  const qp_matrix *w;
  int16_t levels[16];   // of 4-bit codes
  const float *x_sums;  // of blocks: of each run of x
  const qp_low_rank *term;  // of tasks, or NULL
  size_t part;
} fixed_job;

// Whole numbers of x, and what to multiply them by.
static float fixed(const qp_kernel_set *set, int16_t *to, const float *x, size_t count) {
  float largest = set->max_abs(x, count);
  if (largest < least_x) {
    memset(to, 0, count * sizeof *to);
    return 0;
  }
  set->encode_i16(to, x, MOST / largest, count);
  return largest / MOST;
}

static void some_rows(const fixed_job *j, size_t row, size_t rows) {
  const qp_matrix *w = j->w;
  if (w->storage == QP_Q4) {
    j->set->fixed_rows(j->y, j->x, j->x_scales, w, j->levels, row, rows);
    return;
  }
  qp_block size = qp_block_of(w->storage);
  size_t blocks = w->columns / size.count, run = w->interleaved_head ? 1 : rows;
  for (size_t end = row + rows; row < end; row += run) {
    const uint8_t *at = (const uint8_t *)w->values + qp_stored_row(w, row) * blocks * size.bytes;
    j->set->fixed_blocks(j->y + row, j->x, j->x_scales, j->x_sums, w->storage, at, run, blocks);
  }
}

static void rows_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const fixed_job *j = context;
  size_t first = i * j->part, rows = qp_least(j->w->rows - first, j->part);
  size_t run = j->term ? QP_TERM_ROWS : rows;
  for (size_t row = first, end = first + rows; row < end; row += run) {
    size_t count = qp_least(end - row, run);
    some_rows(j, row, count);
    if (j->term) qp_few_add_term(j->set, j->y, j->w->rows, j->term, row, count, 1);
  }
}

static int has_usual_levels(const qp_kernel_set *set, const qp_matrix *w) {
  float largest = set->max_abs(w->levels, 16);
  return largest >= 0x1p-10f && largest <= 0x1p10f;
}

static int takes_codes(const qp_kernel_set *set, const qp_matrix *w) {
  return set->fixed_rows && w->storage == QP_Q4 && qp_leaves_read(w) && w->columns % QP_FIXED == 0 &&
         w->block >= QP_FIXED && (w->absmax || (w->nested_block & (w->nested_block - 1)) == 0) && has_usual_levels(set, w);
}

static int takes_blocks(const qp_kernel_set *set, const qp_matrix *w) {
  return set->fixed_blocks && w->storage > QP_Q4 && w->columns % qp_block_of(w->storage).count == 0;
}

static void arrange_for_codes(fixed_job *j, const float *x, float *scratch) {
  size_t runs = j->w->columns / QP_FIXED;
  int16_t *arranged = (int16_t *)(scratch + qp_round_up(runs, 16));
  float level_scale = fixed(j->set, j->levels, j->w->levels, 16);
  for (size_t i = 0; i < runs; i++) {
    int16_t numbers[QP_FIXED];
    scratch[i] = fixed(j->set, numbers, x + i * QP_FIXED, QP_FIXED) * level_scale;
    j->set->fixed_arrange(arranged, numbers, i);
  }
  j->x = arranged, j->x_scales = scratch;
}

// Of every 32 numbers the even ones, then the odd ones: two codes that lie side by side are one number of 16 bits.
static void arrange_for_blocks(fixed_job *j, const float *x, float *scratch) {
  size_t parts = j->w->columns / 32, run = qp_run_of_blocks(j->w->storage), runs = j->w->columns / run;
  float *sums = scratch + qp_round_up(parts, 16);
  int16_t *arranged = (int16_t *)(sums + qp_round_up(runs, 16));
  for (size_t i = 0; i < parts; i++) {
    int16_t numbers[32], *to = arranged + 32 * i;
    scratch[i] = fixed(j->set, numbers, x + 32 * i, 32);
    for (size_t k = 0; k < 16; k++) to[k] = numbers[2 * k], to[16 + k] = numbers[2 * k + 1];
    for (size_t k = 0; k < 32; k += run) {
      int32_t sum = 0;
      for (size_t n = k; n < k + run; n++) sum += numbers[n];
      sums[(32 * i + k) / run] = (float)sum * scratch[i];
    }
  }
  j->x = arranged, j->x_scales = scratch, j->x_sums = sums;
}

void qp_matmul_fixed(float *y, const float *x, const qp_matrix *w, size_t n, const qp_low_rank *term, void *scratch) {
  const qp_kernel_set *set = qp_kernels();
  fixed_job job = {.set = set, .y = y, .w = w};
  int codes = takes_codes(set, w), blocks = takes_blocks(set, w);
  // The last one holds for NaN too.
  if (n != 1 || !(codes || blocks) || w->columns == 0 || !(set->max_abs(x, w->columns) <= largest_x)) {
    qp_matmul(y, x, w, n, 0, 0, term, scratch);
    return;
  }
  (codes ? arrange_for_codes : arrange_for_blocks)(&job, x, scratch);
  if (set->narrow_rows) job.term = term;
  qp_block size = qp_block_of(w->storage);
  size_t row_bytes = w->storage == QP_Q4 ? w->columns / 2 : w->columns / size.count * size.bytes;
  job.part = qp_rows_of_stream(w->rows, row_bytes, qp_thread_count());
  qp_parallel_for(qp_parts(w->rows, job.part), rows_task, &job);
  if (term && !job.term) qp_gemm(y, term->hidden, 0, term->factor, 1, n, w->rows, term->rank, 1);
}
