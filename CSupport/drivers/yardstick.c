/// What kernels are measured with: OpenBLAS's sgemm.
#include "include/qpeft_kernels.h"

// Declared here: where cblas.h lies differs between systems.
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void openblas_set_num_threads(int count);
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

void qp_sgemm_yardstick(int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                        int accumulate, float *c, size_t ldc) {
  openblas_set_num_threads((int)qp_thread_count());
  cblas_sgemm(ROW_MAJOR, PLAIN, transpose_b ? TRANSPOSED : PLAIN, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
              accumulate ? 1 : 0, c, (int)ldc);
}
