/// Panels of float operands: what attention, dense products and terms of low rank share.
#ifndef QP_PANELS_H
#define QP_PANELS_H

#include <string.h>

#include "dispatch/kernel_set.h"
#include "drivers/split.h"

/// Panels of `count` rows of length kc.
static inline void qp_pack_rows(const qp_kernel_set *set, float *dst, const float *src, size_t ld, size_t count, size_t kc) {
  for (size_t i = 0; i < count; i += set->nr)
    set->pack_transposed(dst + i * kc, src + i * ld, ld, qp_least(count - i, set->nr), kc);
}

/// Panels of `count` columns of kc rows.
static inline void qp_pack_columns(const qp_kernel_set *set, float *dst, const float *src, size_t ld, size_t count,
                                   size_t kc) {
  for (size_t i = 0; i < count; i += set->nr) set->pack_straight(dst + i * kc, src + i, ld, qp_least(count - i, set->nr), kc);
}

/// Rows side by side: as they lie they may share a few lines of cache.
static inline void qp_copy_rows(float *dst, const float *src, size_t ld, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) memcpy(dst + i * width, src + i * ld, width * sizeof(float));
}

#endif
