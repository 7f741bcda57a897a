/// How drivers cut work into tasks: by shapes, so that no sum depends on the number of threads.
#ifndef QP_SPLIT_H
#define QP_SPLIT_H

#include <stddef.h>

enum {
  QP_PIECE = 16384,      // numbers of a task that passes over each of them once
  QP_STREAM = 256 << 10,  // bytes of weights that one task may walk over alone, whoever else is free
};

static inline size_t qp_least(size_t a, size_t b) { return a < b ? a : b; }

/// The next multiple of `unit`.
static inline size_t qp_round_up(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

/// How many parts of `part` there are, the last one maybe shorter; and where part `i` ends.
static inline size_t qp_parts(size_t count, size_t part) { return (count + part - 1) / part; }
static inline size_t qp_part_end(size_t count, size_t part, size_t i) { return qp_least(count, (i + 1) * part); }

/// The same in parts of QP_PIECE, and how long part `i` is.
static inline size_t qp_pieces(size_t count) { return qp_parts(count, QP_PIECE); }
static inline size_t qp_piece(size_t count, size_t i) { return qp_least(count - i * QP_PIECE, QP_PIECE); }

/// Rows of a task that walks over weights as they stream from memory: half a thread's share, or all of it where that is short, whole fours.
/// Where a task begins, nothing was asked for ahead of time. Only for work whose rows are sums of their own.
static inline size_t qp_rows_of_stream(size_t rows, size_t row_bytes, size_t threads) {
  size_t share = qp_parts(rows, threads);
  return share ? qp_round_up(share * row_bytes > QP_STREAM ? qp_parts(share, 2) : share, 4) : 4;
}

/// So many rows, or blocks, of `width` numbers make about a piece.
static inline size_t qp_rows_of_piece(size_t width) { return width < QP_PIECE ? QP_PIECE / (width ? width : 1) : 1; }

#endif
