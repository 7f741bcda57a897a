/// Stands in for OpenBLAS where it is not the thing under test: under sanitizers, which cannot see into it, and for Arm.
#include <stddef.h>

void openblas_set_num_threads(int count);
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);

void openblas_set_num_threads(int count) { (void)count; }

void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc) {
  enum { TRANSPOSED = 112 };
  (void)order;  // row-major, the only order that is used
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++)
        sum += (double)a[transpose_a == TRANSPOSED ? (ptrdiff_t)l * lda + i : (ptrdiff_t)i * lda + l] *
               b[transpose_b == TRANSPOSED ? (ptrdiff_t)j * ldb + l : (ptrdiff_t)l * ldb + j];
      float *at = c + (ptrdiff_t)i * ldc + j;
      *at = (float)(alpha * sum + (beta == 0 ? 0 : (double)beta * *at));
    }
}
