/// What kernels are measured against: one call of OpenBLAS for the whole product, with its own threads. For benchmarks alone.
#ifndef QP_YARDSTICK_H
#define QP_YARDSTICK_H

#include <stddef.h>

/// C[m, n] = A[m, k] · B (+ C if `accumulate`), row-major with leading dimensions; B is [k, n] or, transposed, stored [n, k].
void qp_yardstick_sgemm(size_t threads, int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                        const float *b, size_t ldb, int accumulate, float *c, size_t ldc);

#endif
