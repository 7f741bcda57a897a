/// Shared by the two directions of attention: tile sizes, what a query sees.
#ifndef QP_ATTENTION_H
#define QP_ATTENTION_H

#include "drivers/operands.h"
#include "drivers/panels.h"

// 96 rows are whole tiles of 6 and 12 and whole panels of 16 and 32.
enum { QP_TILE = 96, QP_TILE_PADDED = 96 + QP_MAX_NR };

/// How many of the segment's keys its query `j` sees.
static inline size_t qp_visible(const qp_segment *s, size_t j) { return s->key_count - s->query_count + j + 1; }

#endif
