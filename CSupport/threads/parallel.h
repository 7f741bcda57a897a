/// Who owns the cores. Drivers call qp_parallel_for; leaves never do.
#ifndef QP_PARALLEL_H
#define QP_PARALLEL_H

#include <stddef.h>

/// Runs task(context, i, worker) for every i in 0 ..< tasks, each once, on any thread. `worker` < qp_worker_limit() tells
/// apart the threads of this call, for scratch. Tasks are handed out by one counter: results must not depend on who runs what.
typedef void qp_task(void *context, size_t index, size_t worker);
void qp_parallel_for(size_t tasks, qp_task *task, void *context);

/// Upper bound of workers, constant for the process: scratch sized by it stays right when the thread count changes.
size_t qp_worker_limit(void);

#endif
