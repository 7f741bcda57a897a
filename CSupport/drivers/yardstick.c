/// What kernels are measured with: OpenBLAS's sgemm, loaded when it is first asked for. Training needs none.
#include <dlfcn.h>
#include <pthread.h>

#include "include/qpeft_kernels.h"

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

// Functions of the library, all or none.
static struct {
  char *(*config)(void);
  char *(*kernels)(void);
  void (*set_threads)(int count);
  void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                const float *b, int ldb, float beta, float *c, int ldc);
} blas;

static void load(void) {
  static const char *const files[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib",
                                      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib"};
  void *library = NULL;
  for (size_t i = 0; !library && i < sizeof files / sizeof *files; i++) library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  void *config = dlsym(library, "openblas_get_config"), *kernels = dlsym(library, "openblas_get_corename");
  void *set_threads = dlsym(library, "openblas_set_num_threads"), *sgemm = dlsym(library, "cblas_sgemm");
  if (!config || !kernels || !set_threads || !sgemm) return;
  blas.config = (char *(*)(void))config, blas.kernels = (char *(*)(void))kernels;
  blas.set_threads = (void (*)(int))set_threads, blas.sgemm = (__typeof__(blas.sgemm))sgemm;
}

static int is_there(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  return blas.sgemm != NULL;
}

const char *qp_yardstick_name(void) { return is_there() ? blas.config() : NULL; }
const char *qp_yardstick_kernels(void) { return is_there() ? blas.kernels() : NULL; }

void qp_yardstick_sgemm(int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                        int accumulate, float *c, size_t ldc) {
  if (!is_there()) return;
  blas.set_threads((int)qp_thread_count());
  blas.sgemm(ROW_MAJOR, PLAIN, transpose_b ? TRANSPOSED : PLAIN, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
             accumulate ? 1 : 0, c, (int)ldc);
}
