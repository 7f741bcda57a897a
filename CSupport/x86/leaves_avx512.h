#ifndef QP_LEAVES_AVX512_H
#define QP_LEAVES_AVX512_H

#include "leaves/of_set.h"

enum { QP_AVX512_MR = 12, QP_AVX512_NR = 32 };

QP_DECLARE_LEAVES(avx512)
QP_DECLARE_FIXED_LEAVES(avx512)
QP_DECLARE_BLOCK_LEAVES(avx512)

extern const qp_pair_leaves qp_pairs_avx512;

/// Between which qp_fixed_rows_avx512 chooses: with the instructions of the whole set, with VNNI. The same bits.
void qp_fixed_rows_avx512_bw(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w,
                             const int16_t levels[16], size_t row, size_t rows);
void qp_fixed_rows_avx512_vnni(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w,
                               const int16_t levels[16], size_t row, size_t rows);

#endif
