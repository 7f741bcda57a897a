/// Results that no cache would keep until somebody reads them: made row by row in a cache and written past it, since a line that is written
/// otherwise is read from memory first.
#ifndef QP_RESULTS_H
#define QP_RESULTS_H

#include <stdatomic.h>

#include "dispatch/kernel_set.h"

enum {
  QP_PAST_CACHES = 32 << 20,  // bytes of a result
  QP_RESULT_ROOM = 8192,      // numbers of a row
};

static inline int qp_goes_past_caches(size_t rows, size_t width) {
  return width <= QP_RESULT_ROOM && rows * width >= QP_PAST_CACHES / sizeof(float);
}

/// Written past caches or not: what comes after a task must find it.
static inline void qp_end_of_results(void) { atomic_thread_fence(memory_order_seq_cst); }

#endif
