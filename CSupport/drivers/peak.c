/// How fast the tile product is when nothing but arithmetic limits it.
#include "dispatch/kernel_set.h"
#include "threads/parallel.h"

enum { DEPTH = 128 };  // rows, panel and tile together stay in the nearest cache

typedef struct {
  const qp_kernel_set *set;
  size_t rounds;
} peak;

static void peak_task(void *context, size_t index, size_t worker) {
  (void)index, (void)worker;
  const peak *p = context;
  float a[QP_MAX_MR * DEPTH], b[QP_MAX_NR * DEPTH], c[QP_MAX_MR * QP_MAX_NR] = {0};
  for (size_t i = 0; i < sizeof a / sizeof *a; i++) a[i] = 0x1p-20f;
  for (size_t i = 0; i < sizeof b / sizeof *b; i++) b[i] = 0x1p-20f;
  for (size_t i = 0; i < p->rounds; i++)
    p->set->gemm_tile(c, p->set->nr, a, DEPTH, 1, b, DEPTH, p->set->mr, p->set->nr, 1);
}

double qp_tile_peak(size_t rounds) {
  peak p = {.set = qp_kernels(), .rounds = rounds};
  size_t threads = qp_thread_count();
  qp_parallel_for(threads, peak_task, &p);
  return 2.0 * DEPTH * (double)(p.set->mr * p.set->nr) * (double)rounds * (double)threads;
}
