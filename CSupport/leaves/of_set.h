/// Leaves that every tuned set writes itself: QP_DECLARE_LEAVES(avx2) declares qp_gemm_tile_avx2 and so on, QP_LEAF_FIELDS(avx2) puts
/// them into the set's row of the table. What they do: dispatch/kernel_set.h.
#ifndef QP_LEAVES_OF_SET_H
#define QP_LEAVES_OF_SET_H

#include "dispatch/kernel_set.h"

#define QP_DECLARE_LEAVES(set)                                                                                             \
  void qp_gemm_tile_##set(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc, \
                          size_t m, size_t n, int accumulate);                                                             \
  void qp_gemm_thin_##set(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b,            \
                          size_t b_step, size_t kc, size_t m, size_t n, int accumulate);                                   \
  void qp_pack_transposed_##set(float *dst, const float *src, size_t ld, size_t valid, size_t kc);                         \
  void qp_pack_straight_##set(float *dst, const float *src, size_t ld, size_t valid, size_t kc);                           \
  void qp_pack_weight_rows_##set(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc);       \
  size_t qp_pack_weight_columns_##set(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns); \
  void qp_decode_q4_##set(float *y, const uint8_t *codes, const float *levels, float scale, size_t count);                 \
  void qp_decode_f16_##set(float *y, const uint16_t *x, size_t count);                                                     \
  int qp_few_takes_##set(const qp_matrix *w, size_t n, int transposed);                                                    \
  void qp_few_arrange_##set(float *dst, const float *x, const qp_matrix *w);                                               \
  void qp_few_rows_##set(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,      \
                         int accumulate);                                                                                  \
  void qp_few_columns_##set(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,       \
                            int accumulate);                                                                               \
  void qp_narrow_rows_##set(float *y, size_t ldy, const float *x, const void *w, int is_half, size_t step, size_t rows,    \
                            size_t columns, size_t n, int accumulate);                                                     \
  void qp_narrow_columns_##set(float *y, size_t ldy, const float *x, size_t ldx, const void *w, int is_half, size_t step,  \
                               size_t rows, size_t columns, size_t n, int accumulate);

/// One token in fixed point, for sets that have it.
#define QP_DECLARE_FIXED_LEAVES(set)                                                                                       \
  void qp_fixed_arrange_##set(int16_t *dst, const int16_t *x, size_t run);                                                 \
  void qp_fixed_rows_##set(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16], \
                           size_t row, size_t rows);

/// GGUF's blocks: blocks/leaves.h.
#define QP_DECLARE_BLOCK_LEAVES(set)                                                                                       \
  void qp_decode_blocks_##set(qp_storage storage, float *y, const uint8_t *block, size_t part, size_t count);              \
  void qp_fixed_blocks_##set(float *y, const int16_t *x, const float *x_scales, const float *x_sums, qp_storage storage,   \
                             const uint8_t *row, size_t rows, size_t blocks);

#define QP_LEAF_FIELDS(set)                                                                                \
  .name = #set,  \
  .gemm_tile = qp_gemm_tile_##set, .gemm_thin = qp_gemm_thin_##set, .pack_transposed = qp_pack_transposed_##set, \
  .pack_straight = qp_pack_straight_##set, .pack_weight_rows = qp_pack_weight_rows_##set,                  \
  .pack_weight_columns = qp_pack_weight_columns_##set, .decode_q4 = qp_decode_q4_##set,                    \
  .decode_f16 = qp_decode_f16_##set, .few_takes = qp_few_takes_##set, .few_arrange = qp_few_arrange_##set, \
  .few_rows = qp_few_rows_##set, .few_columns = qp_few_columns_##set, .narrow_rows = qp_narrow_rows_##set, \
  .narrow_columns = qp_narrow_columns_##set

#define QP_FIXED_LEAF_FIELDS(set) .fixed_arrange = qp_fixed_arrange_##set, .fixed_rows = qp_fixed_rows_##set

#define QP_BLOCK_LEAF_FIELDS(set) .decode_blocks = qp_decode_blocks_##set, .fixed_blocks = qp_fixed_blocks_##set

#endif
