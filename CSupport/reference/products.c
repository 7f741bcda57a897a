/// Scalar tile product and packers.
#include <string.h>

#include "reference/leaves.h"

enum { NR = QP_THIN };

void qp_ref_gemm_tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                      size_t m, size_t n, int accumulate) {
  float sum[4][NR] = {{0}};
  for (size_t k = 0; k < kc; k++)
    for (size_t i = 0; i < m; i++)
      for (size_t j = 0; j < NR; j++) sum[i][j] += a[i * row_step + k * k_step] * b[NR * k + j];
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum[i][j] : sum[i][j];
}

void qp_ref_gemm_thin(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step,
                      size_t kc, size_t m, size_t n, int accumulate) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      float sum = 0;
      for (size_t k = 0; k < kc; k++) sum += a[i * row_step + k * k_step] * b[k * b_step + j];
      c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum : sum;
    }
}

void qp_ref_pack_transposed(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  for (size_t k = 0; k < kc; k++)
    for (size_t i = 0; i < NR; i++) dst[k * NR + i] = i < valid ? src[i * ld + k] : 0;
}

void qp_ref_pack_straight(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  for (size_t k = 0; k < kc; k++) {
    memcpy(dst + k * NR, src + k * ld, valid * sizeof(float));
    for (size_t i = valid; i < NR; i++) dst[k * NR + i] = 0;
  }
}

void qp_ref_pack_weight_rows(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc) {
  qp_pack_weight_rows_any(&qp_kernels_reference, dst, w, row, rows, column, kc);
}

size_t qp_ref_pack_weight_columns(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns) {
  return qp_pack_weight_columns_any(&qp_kernels_reference, dst, w, row, kc, column, columns);
}
