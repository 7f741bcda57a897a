/// What the operands of a product become before they are multiplied: they stay floats, or they are rounded to bfloat16, and then they are
/// floats still or, where the set has leaves for them, pairs of neighbours along k (kernel_set.h).
#ifndef QP_OPERANDS_H
#define QP_OPERANDS_H

#include <string.h>

#include "dispatch/kernel_set.h"
#include "drivers/split.h"

typedef struct {
  const qp_kernel_set *set;
  int is_bf16;
  const qp_pair_leaves *pairs;  // NULL: floats
} qp_operands;

static inline int qp_has_pairs(const qp_kernel_set *set) { return set->pairs && set->pairs->supported(); }

static inline qp_operands qp_operands_of(const qp_kernel_set *set, int is_bf16) {
  return (qp_operands){set, is_bf16, is_bf16 && qp_has_pairs(set) ? set->pairs : NULL};
}

/// Numbers along k that a step multiplies, and steps of kc numbers: floats, or pairs, the last one maybe with zero beside it.
static inline size_t qp_step_width(const qp_operands *o) { return o->pairs ? 2 : 1; }
static inline size_t qp_steps(const qp_operands *o, size_t kc) { return qp_parts(kc, qp_step_width(o)); }

static inline qp_tile *qp_tile_of(const qp_operands *o) { return o->pairs ? o->pairs->tile : o->set->gemm_tile; }

/// A row of kc numbers; `to` may be `from`.
static inline void qp_operand_row(const qp_operands *o, float *to, const float *from, size_t kc) {
  if (o->pairs) {
    o->pairs->row(to, from, kc);
    return;
  }
  if (to != from) memcpy(to, from, kc * sizeof(float));
  if (o->is_bf16) o->set->round_bf16(to, kc);
}

/// kc rows of `width` numbers, `ld` apart, which are multiplied along columns: in place, rows of steps as far apart.
static inline void qp_operand_columns(const qp_operands *o, float *x, size_t ld, size_t width, size_t kc) {
  if (o->pairs)
    o->pairs->columns(x, x, ld, width, kc);
  else if (o->is_bf16)
    for (size_t k = 0; k < kc; k++) o->set->round_bf16(x + k * ld, width);
}

/// Panels of `count` outputs, kc numbers deep, at `panels`, to panels that are as deep as there are steps, at `to`, which is there or before.
static inline void qp_operand_panels(const qp_operands *o, float *to, float *panels, size_t count, size_t kc) {
  size_t nr = o->set->nr;
  for (size_t i = 0; i < count; i += nr)
    if (o->pairs)
      o->pairs->columns(to + i * qp_steps(o, kc), panels + i * kc, nr, nr, kc);
    else if (o->is_bf16)
      o->set->round_bf16(panels + i * kc, nr * kc);
}

/// c[m, n] (+)= A · panels, with A(i, step) = a[i * row_step + step * k_step]. Panels are `depth` steps deep, of which `steps` from `panels` on
/// count.
static inline void qp_tiles(const qp_operands *o, float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *panels,
                            size_t depth, size_t steps, size_t m, size_t n, int accumulate) {
  qp_tile *tile = qp_tile_of(o);
  size_t mr = o->set->mr, nr = o->set->nr;
  for (size_t i = 0; i < m; i += mr)
    for (size_t j = 0; j < n; j += nr)
      tile(c + i * ldc + j, ldc, a + i * row_step, row_step, k_step, panels + j * depth, steps, qp_least(m - i, mr), qp_least(n - j, nr),
           accumulate);
}

#endif
