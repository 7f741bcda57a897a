/// Decoding of any run of any matrix, rows of an embedding, and the packers that work for every alignment.
#include <string.h>

#include "dispatch/kernel_set.h"
#include "drivers/split.h"
#include "threads/parallel.h"

static void decode_q4_run(const qp_kernel_set *set, float *y, const qp_matrix *w, size_t first, size_t count) {
  const uint8_t *codes = w->values;
  if (count && first % 2) {  // a row that begins in the middle of a byte
    *y++ = w->levels[codes[first / 2] & 15] * qp_block_scale(w, first / w->block);
    first++, count--;
  }
  while (count) {
    size_t b = first / w->block, run = (b + 1) * w->block - first;
    if (run > count) run = count;
    set->decode_q4(y, codes + first / 2, w->levels, qp_block_scale(w, b), run);
    y += run, first += run, count -= run;
  }
}

static void decode_block_run(const qp_kernel_set *set, float *y, const qp_matrix *w, size_t first, size_t count) {
  qp_block size = qp_block_of(w->storage);
  const uint8_t *blocks = w->values;
  while (count) {
    const uint8_t *block = blocks + first / size.count * size.bytes;
    size_t part = first % size.count / 32, skip = first % 32, run = 32 - skip < count ? 32 - skip : count;
    if (run == 32) {
      run = count / 32 * 32;
      set->decode_blocks(w->storage, y, block, part, count / 32);
    } else {
      float whole[32];
      set->decode_blocks(w->storage, whole, block, part, 1);
      memcpy(y, whole + skip, run * sizeof(float));
    }
    y += run, first += run, count -= run;
  }
}

static void decode_stored(const qp_kernel_set *set, float *y, const qp_matrix *w, size_t first, size_t count) {
  switch (w->storage) {
    case QP_F32: memcpy(y, (const float *)w->values + first, count * sizeof(float)); break;
    case QP_F16: set->decode_f16(y, (const uint16_t *)w->values + first, count); break;
    case QP_BF16: set->decode_bf16(y, (const uint16_t *)w->values + first, count); break;
    case QP_Q4: decode_q4_run(set, y, w, first, count); break;
    default: decode_block_run(set, y, w, first, count); break;
  }
}

void qp_decode_run(const qp_kernel_set *set, float *y, const qp_matrix *w, size_t first, size_t count) {
  if (!w->interleaved_head) {
    decode_stored(set, y, w, first, count);
    return;
  }
  while (count) {
    size_t row = first / w->columns, column = first % w->columns, run = w->columns - column;
    if (run > count) run = count;
    decode_stored(set, y, w, qp_stored_row(w, row) * w->columns + column, run);
    y += run, first += run, count -= run;
  }
}

void qp_pack_weight_rows_any(const qp_kernel_set *set, float *dst, const qp_matrix *w, size_t row, size_t rows,
                             size_t column, size_t kc) {
  float decoded[QP_MAX_NR * 64];
  for (size_t k = 0; k < kc; k += 64) {
    size_t depth = kc - k < 64 ? kc - k : 64;
    for (size_t r = 0; r < rows; r++) qp_decode_run(set, decoded + r * 64, w, (row + r) * w->columns + column + k, depth);
    set->pack_transposed(dst + k * set->nr, decoded, 64, rows, depth);
  }
}

size_t qp_pack_weight_columns_any(const qp_kernel_set *set, float *dst, const qp_matrix *w, size_t row, size_t kc,
                                  size_t column, size_t columns) {
  // A run of columns is a whole block of most formats; lines of panels share their place in the nearest cache, so a panel gets several at once.
  enum { COLUMNS = 256, ROWS = 8 };
  float decoded[ROWS * COLUMNS + QP_MAX_NR];
  size_t nr = set->nr, taken = columns < COLUMNS ? columns : COLUMNS;
  for (size_t k = 0; k < kc; k += ROWS) {
    size_t rows = kc - k < ROWS ? kc - k : ROWS;
    for (size_t r = 0; r < rows; r++)
      qp_decode_run(set, decoded + r * COLUMNS, w, (row + k + r) * w->columns + column, taken);
    for (size_t i = 0; i < taken; i += nr)
      for (size_t r = 0; r < rows; r++) {
        float *to = dst + i * kc + (k + r) * nr;
        size_t valid = taken - i < nr ? taken - i : nr;
        memcpy(to, decoded + r * COLUMNS + i, nr * sizeof(float));
        for (size_t rest = valid; rest < nr; rest++) to[rest] = 0;
      }
  }
  return taken;
}

typedef struct {
  const qp_kernel_set *set;
  float *y;
  const qp_matrix *w;
  const int32_t *ids;
  size_t first, count, part;
} decode_job;

static void decode_task(void *context, size_t i, size_t worker) {
  (void)worker;
  decode_job *j = context;
  size_t at = i * QP_PIECE;
  qp_decode_run(j->set, j->y + at, j->w, j->first + at, qp_piece(j->count, i));
}

void qp_matrix_decode(float *y, const qp_matrix *w, size_t first, size_t count) {
  qp_parallel_for(qp_pieces(count), decode_task,
                  &(decode_job){.set = qp_kernels(), .y = y, .w = w, .first = first, .count = count});
}

static void gather_task(void *context, size_t i, size_t worker) {
  (void)worker;
  decode_job *j = context;
  size_t columns = j->w->columns, end = qp_part_end(j->count, j->part, i);
  for (size_t at = i * j->part; at < end; at++)
    qp_decode_run(j->set, j->y + at * columns, j->w, (size_t)j->ids[at] * columns, columns);
}

void qp_gather_rows(float *y, const qp_matrix *w, const int32_t *ids, size_t n) {
  size_t part = qp_rows_of_piece(w->columns);
  qp_parallel_for(qp_parts(n, part), gather_task,
                  &(decode_job){.set = qp_kernels(), .y = y, .w = w, .ids = ids, .count = n, .part = part});
}
