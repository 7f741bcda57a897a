/// Threads by OpenMP: one pragma, no calls, hence no header of its own. The only file with a pragma omp.
#ifdef QP_HAVE_OPENMP
#include "include/qpeft_kernels.h"
#include "threads/parallel.h"

const char *qp_thread_backend(void) { return "openmp"; }

void qp_threads_run(qp_job *job, size_t threads) {
#pragma omp parallel num_threads((int)threads)
  qp_job_work(job);
}
#endif
