/// Dense products by OpenBLAS, one thread inside a call; threads take tiles of C. Tiles depend on m and n alone and k is never
/// split, so results are the same for every number of threads.
#include <stdatomic.h>

#include "dispatch/kernel_set.h"
#include "threads/parallel.h"

// Declared here: where cblas.h lies differs between systems.
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void openblas_set_num_threads(int count);
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

enum { TILE_M = 192, TILE_N = 384, PARTS = 4, THIN = 64, THIN_TILE = 96, SMALL = 64 * 64 * 64 };

typedef struct {
  int transpose_a, transpose_b;
  size_t m, n, k, lda, ldb, ldc, tile_m, tile_n, tiles_n;
  float alpha, beta;
  const float *a, *b;
  float *c;
} gemm;

// At least `tile`, and at most PARTS of them: every tile packs its operands again.
static size_t tile_of(size_t count, size_t tile) {
  size_t part = (count + PARTS - 1) / PARTS;
  return part > tile ? (part + 47) / 48 * 48 : tile;
}

static void gemm_task(void *context, size_t index, size_t worker) {
  (void)worker;
  const gemm *g = context;
  size_t i = index / g->tiles_n * g->tile_m, j = index % g->tiles_n * g->tile_n;
  size_t m = g->m - i < g->tile_m ? g->m - i : g->tile_m, n = g->n - j < g->tile_n ? g->n - j : g->tile_n;
  cblas_sgemm(ROW_MAJOR, g->transpose_a ? TRANSPOSED : PLAIN, g->transpose_b ? TRANSPOSED : PLAIN, (int)m, (int)n,
              (int)g->k, g->alpha, g->a + (g->transpose_a ? i : i * g->lda), (int)g->lda,
              g->b + (g->transpose_b ? j * g->ldb : j), (int)g->ldb, g->beta, g->c + i * g->ldc + j, (int)g->ldc);
}

static atomic_int told;

void qp_sgemm_yardstick(int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                        int accumulate, float *c, size_t ldc) {
  openblas_set_num_threads((int)qp_thread_count());
  cblas_sgemm(ROW_MAJOR, PLAIN, transpose_b ? TRANSPOSED : PLAIN, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
              accumulate ? 1 : 0, c, (int)ldc);
  openblas_set_num_threads(1);
  atomic_store(&told, 1);
}

void qp_sgemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
              const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (!atomic_exchange(&told, 1)) openblas_set_num_threads(1);
  if (m == 0 || n == 0) return;
  gemm g = {.transpose_a = transpose_a, .transpose_b = transpose_b, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb,
            .ldc = ldc, .alpha = alpha, .beta = beta, .a = a, .b = b, .c = c, .tile_m = m, .tile_n = n, .tiles_n = 1};
  if (m * n * k > SMALL) {
    g.tile_m = n <= THIN ? THIN_TILE : tile_of(m, TILE_M);  // low-rank factors: one side is thin, so the other is cut finer
    g.tile_n = m <= THIN ? THIN_TILE : tile_of(n, TILE_N);
    g.tiles_n = (n + g.tile_n - 1) / g.tile_n;
  }
  qp_parallel_for((m + g.tile_m - 1) / g.tile_m * g.tiles_n, gemm_task, &g);
}
