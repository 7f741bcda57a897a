/// Codes and scales of 4-bit rows, for both sets. Include after the target pragma.
#ifndef QP_Q4_BYTES_H
#define QP_Q4_BYTES_H

#include <string.h>

#include "leaves/q4_scales.h"
#include "x86/ask.h"

enum {
  QP_AHEAD = 16,          // rows that codes are asked for ahead of time
  QP_AHEAD_BYTES = 4096,  // codes, where rows run one after another
  /// Numbers between the sums of one token and the next: not half a page, since a load waits for a store that lies whole pages away.
  QP_FEW_STEP = QP_FEW_COLUMNS + 16,
  QP_FEW_DEPTH = 1536,  // inputs of four tokens that stay in the nearest cache
};

/// Asks for the codes and the scale of a row that will be decoded soon: rows lie in different pages, so the processor's own
/// prefetcher does not see the next one.
static inline void qp_ask_for(const qp_scales *s, size_t element) {
  const qp_matrix *w = s->w;
  size_t block = element >> s->block_shift;
  qp_ask(w->values, element / 2);
  w->absmax ? qp_ask(w->absmax, 4 * block) : qp_ask(w->absmax_codes, block);
}

/// The same, into the second cache.
static inline void qp_ask_second_for(const qp_scales *s, size_t element) {
  const qp_matrix *w = s->w;
  size_t block = element >> s->block_shift;
  qp_ask_second(w->values, element / 2);
  w->absmax ? qp_ask_second(w->absmax, 4 * block) : qp_ask_second(w->absmax_codes, block);
}

/// How far before its turn a row is asked for, where `rows` at a time run one group after another: the next group, or one that lies
/// about a page away where rows are short. Memory answers no sooner.
static inline size_t qp_rows_ahead(const qp_matrix *w, size_t rows) {
  return rows * (1 + (QP_AHEAD_BYTES - 1) / (rows * w->columns / 2 + 1));
}

/// Asks for the rows that nobody asks for ahead of time, since a task begins with them.
static inline void qp_ask_first(const qp_matrix *w, size_t row, size_t rows) {
  for (size_t at = 0; at < rows * w->columns / 2; at += 64) qp_ask(w->values, row * w->columns / 2 + at);
}

/// The scales of the run of 32 columns from `column` on of sixteen rows, or of what there is of them. Made in registers: a load of what has
/// just been stored in pieces would wait for it.
__attribute__((always_inline)) static inline void qp_scales_of_rows(__m128 scales[4], const qp_scales *s, size_t row, size_t rows,
                                                                    size_t column) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 16; i += 4) {
    float v[4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) v[j] = i + j < rows ? qp_scale_at(s, (row + i + j) * s->w->columns + column) : 0;
    scales[i / 4] = _mm_setr_ps(v[0], v[1], v[2], v[3]);
  }
}

/// Whether a run of 32 columns has the scales of the run before it.
static inline int qp_run_goes_on(const qp_matrix *w, size_t column) { return column % w->block != 0 && w->columns % w->block == 0; }

#endif
