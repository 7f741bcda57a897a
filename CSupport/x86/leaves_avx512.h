#ifndef QP_LEAVES_AVX512_H
#define QP_LEAVES_AVX512_H

#include "dispatch/kernel_set.h"

enum { QP_AVX512_MR = 12, QP_AVX512_NR = 32 };

void qp_gemm_tile_avx512(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                         size_t m, size_t n, int accumulate);
void qp_pack_transposed_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t kc);
void qp_pack_straight_avx512(float *dst, const float *src, size_t ld, size_t valid, size_t kc);
void qp_pack_weight_rows_avx512(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc);
void qp_pack_weight_columns_avx512(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns);
void qp_decode_q4_avx512(float *y, const uint8_t *codes, const float *levels, float scale, size_t count);
void qp_decode_f16_avx512(float *y, const uint16_t *x, size_t count);
int qp_few_takes_avx512(const qp_matrix *w, size_t n, int transposed);
void qp_few_arrange_avx512(float *dst, const float *x, const qp_matrix *w);
void qp_few_rows_avx512(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                        int accumulate);
void qp_few_columns_avx512(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                           int accumulate);
void qp_fixed_arrange_avx512(int16_t *dst, const int16_t *x, size_t count);
void qp_fixed_rows_avx512(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                          size_t row, size_t rows);

#endif
