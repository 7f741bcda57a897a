/// A term of low rank beside a product with few tokens: a task adds it to the rows that it has just written, while they are near.
#ifndef QP_FEW_H
#define QP_FEW_H

#include "dispatch/kernel_set.h"

enum { QP_TERM_ROWS = 16 };  // rows of a product in fixed point between which their term is added

static inline qp_matrix qp_factor_as_weights(const qp_low_rank *term, size_t rows) {
  return (qp_matrix){.storage = QP_F32, .rows = rows, .columns = term->rank, .values = term->factor};
}

/// Whether leaves for few tokens take the term.
static inline int qp_few_takes_term(const qp_kernel_set *set, const qp_low_rank *term, size_t rows, size_t n) {
  qp_matrix factor = qp_factor_as_weights(term, rows);
  return term->rank > 0 && set->few_takes && set->few_takes(&factor, n, 0);
}

/// y[n, outputs][first ..< first + rows] += hidden · factorᵀ.
static inline void qp_few_add_term(const qp_kernel_set *set, float *y, size_t outputs, const qp_low_rank *term, size_t first,
                                   size_t rows, size_t n) {
  qp_matrix factor = qp_factor_as_weights(term, outputs);
  set->few_rows(y, outputs, term->hidden, &factor, first, rows, n, 1);
}

/// Asks for rows `from` ..< `to` of the factor, and returns `to`. In writing text every factor comes from memory.
static inline size_t qp_ask_for_factor(const qp_low_rank *term, size_t from, size_t to) {
  for (size_t i = from * term->rank; i < to * term->rank; i += 16) __builtin_prefetch(term->factor + i);
  return to;
}

#endif
