/// Shared by the two directions of attention: tile sizes, products of packed tiles, what a query sees.
#ifndef QP_ATTENTION_H
#define QP_ATTENTION_H

#include <string.h>

#include "dispatch/kernel_set.h"
#include "drivers/split.h"

// 96 rows are whole tiles of 6 and 12 and whole panels of 16 and 32.
enum { QP_TILE = 96, QP_TILE_PADDED = 96 + QP_MAX_NR };

/// How many of the segment's keys its query `j` sees.
static inline size_t qp_visible(const qp_segment *s, size_t j) { return s->key_count - s->query_count + j + 1; }

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

/// Rows side by side: as they lie in q they may share a few lines of cache.
static inline void qp_copy_rows(float *dst, const float *src, size_t ld, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) memcpy(dst + i * width, src + i * ld, width * sizeof(float));
}

/// c[m, n] (+)= A · panels, with A(i, k) = a[i * row_step + k * k_step].
static inline void qp_tiles(const qp_kernel_set *set, float *c, size_t ldc, const float *a, size_t row_step, size_t k_step,
                            const float *panels, size_t kc, size_t m, size_t n, int accumulate) {
  for (size_t i = 0; i < m; i += set->mr)
    for (size_t j = 0; j < n; j += set->nr)
      set->gemm_tile(c + i * ldc + j, ldc, a + i * row_step, row_step, k_step, panels + j * kc, kc,
                     qp_least(m - i, set->mr), qp_least(n - j, set->nr), accumulate);
}

#endif
