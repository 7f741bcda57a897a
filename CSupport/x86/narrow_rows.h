/// Short rows of floats that lie apart: factors of low rank, keys and values of attention. For both sets; include after the target pragma.
#ifndef QP_NARROW_ROWS_H
#define QP_NARROW_ROWS_H

#include <stddef.h>

#include "x86/ask.h"

enum { QP_NARROW_AHEAD = 32 };  // rows

/// Number `i` of W, floats or float16.
__attribute__((always_inline)) static inline const void *qp_number(const void *w, size_t i, const int is_half) {
  return (const uint8_t *)w + i * (is_half ? sizeof(uint16_t) : sizeof(float));
}

/// Asks for `count` rows that come QP_NARROW_AHEAD later: sixteen keys of attention fill a page, and the processor's own prefetcher
/// ends with it.
__attribute__((always_inline)) static inline void qp_ask_for_rows(const void *w, size_t step, size_t count, size_t columns,
                                                                  const int is_half) {
  for (size_t r = QP_NARROW_AHEAD; r < QP_NARROW_AHEAD + count; r++)
    for (size_t k = 0; k < columns; k += is_half ? 32 : 16) qp_ask_second(qp_number(w, r * step + k, is_half), 0);
}

#endif
