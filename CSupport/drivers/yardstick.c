/// What kernels are measured with: OpenBLAS's sgemm, loaded when it is first asked for. Training needs none.
#include <dlfcn.h>
#include <stdatomic.h>

#include "include/qpeft_kernels.h"

typedef void sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                   const float *b, int ldb, float beta, float *c, int ldc);
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

static void *symbol(const char *name) {
  static const char *const files[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib",
                                      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib"};
  static _Atomic(void *) library;
  for (size_t i = 0; !atomic_load(&library) && i < sizeof files / sizeof *files; i++)
    atomic_store(&library, dlopen(files[i], RTLD_NOW | RTLD_LOCAL));
  return atomic_load(&library) ? dlsym(atomic_load(&library), name) : NULL;
}

const char *qp_yardstick_name(void) {
  char *(*config)(void) = (char *(*)(void))symbol("openblas_get_config");
  return config && symbol("cblas_sgemm") && symbol("openblas_set_num_threads") ? config() : NULL;
}

const char *qp_yardstick_kernels(void) {
  char *(*name)(void) = (char *(*)(void))symbol("openblas_get_corename");
  return name ? name() : NULL;
}

void qp_yardstick_sgemm(int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                        int accumulate, float *c, size_t ldc) {
  ((void (*)(int))symbol("openblas_set_num_threads"))((int)qp_thread_count());
  ((sgemm *)symbol("cblas_sgemm"))(ROW_MAJOR, PLAIN, transpose_b ? TRANSPOSED : PLAIN, (int)m, (int)n, (int)k, 1, a, (int)lda, b,
                                   (int)ldb, accumulate ? 1 : 0, c, (int)ldc);
}
