/// Asking for lines of memory ahead of time. Past the end of an array does no harm. Include after the target pragma.
#ifndef QP_ASK_H
#define QP_ASK_H

#include <stdint.h>

/// Into the nearest cache, which waits for a few lines at a time only.
static inline void qp_ask(const void *base, size_t bytes) {
  _mm_prefetch((const char *)((uintptr_t)base + bytes), _MM_HINT_T0);
}

/// Into the second cache, which waits for more of them: for what streams from memory.
static inline void qp_ask_second(const void *base, size_t bytes) {
  _mm_prefetch((const char *)((uintptr_t)base + bytes), _MM_HINT_T1);
}

#endif
