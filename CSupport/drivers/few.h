/// A term of low rank beside a product with few tokens: a task adds it to the rows that it has just written, while they are near.
#ifndef QP_FEW_H
#define QP_FEW_H

#include "dispatch/kernel_set.h"

enum { QP_TERM_ROWS = 16 };  // rows of a product in fixed point between which their term is added

/// y[n, outputs][first ..< first + rows] += hidden · factorᵀ, for a set that has narrow_rows.
static inline void qp_few_add_term(const qp_kernel_set *set, float *y, size_t outputs, const qp_low_rank *term, size_t first,
                                   size_t rows, size_t n) {
  set->narrow_rows(y + first, outputs, term->hidden, term->factor + first * term->rank, 0, term->rank, rows, term->rank,
                   n, 1);
}

#endif
