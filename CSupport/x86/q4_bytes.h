/// Bytes of 4-bit codes, for both sets: transposing them. Include after the target pragma.
#ifndef QP_Q4_BYTES_H
#define QP_Q4_BYTES_H

#include <string.h>

#include "leaves/q4_scales.h"
#include "x86/ask.h"

enum {
  QP_AHEAD = 16,          // rows that codes are asked for ahead of time
  QP_AHEAD_BYTES = 4096,  // codes, where rows run one after another
  /// Numbers between the sums of one token and the next: not half a page, since a load waits for a store that lies whole pages away.
  QP_FEW_STEP = QP_FEW_COLUMNS + 16,
  QP_FEW_DEPTH = 1536,  // inputs of four tokens that stay in the nearest cache
};

/// rows[i] byte j -> columns[j] byte i.
static inline void qp_transpose_bytes(__m128i columns[16], const __m128i rows[16]) {
  __m128i a[16], b[16];
  for (int i = 0; i < 8; i++) {  // interleave row i with row i + 8, four times: each pass moves one bit of the index
    a[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
    a[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
    b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 8]);
    a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    columns[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
    columns[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
  }
}

/// Asks for the codes and the scale of a row that will be decoded soon: rows lie in different pages, so the processor's own
/// prefetcher does not see the next one.
static inline void qp_ask_for(const qp_scales *s, size_t element) {
  const qp_matrix *w = s->w;
  size_t block = element >> s->block_shift;
  qp_ask(w->values, element / 2);
  w->absmax ? qp_ask(w->absmax, 4 * block) : qp_ask(w->absmax_codes, block);
}

/// How far before its turn a row is asked for, where `rows` at a time run one group after another: the next group, or one that lies
/// about a page away where rows are short. Memory answers no sooner.
static inline size_t qp_rows_ahead(const qp_matrix *w, size_t rows) {
  return rows * (1 + (QP_AHEAD_BYTES - 1) / (rows * w->columns / 2 + 1));
}

/// Asks for the rows that nobody asks for ahead of time, since a task begins with them.
static inline void qp_ask_first(const qp_matrix *w, size_t row, size_t rows) {
  for (size_t at = 0; at < rows * w->columns / 2; at += 64) qp_ask(w->values, row * w->columns / 2 + at);
}

/// The 16 bytes of codes of 32 columns of up to 16 rows, transposed, and the scales of those rows (0 past `rows`). Unless `first`,
/// `scales` hold what the 32 columns before left.
static inline void qp_load_codes(__m128i columns[16], float scales[16], const qp_scales *s, size_t row, size_t rows,
                                 size_t column, int first) {
  const qp_matrix *w = s->w;
  const uint8_t *codes = (const uint8_t *)w->values + (row * w->columns + column) / 2;
  __m128i lines[16];
  if ((size_t)codes % 64 < 16)  // once a line of cache
    for (size_t i = 0; i < 16; i++) qp_ask_for(s, (row + QP_AHEAD + i) * w->columns + column);
  for (size_t i = 0; i < 16; i++)
    lines[i] = i < rows ? _mm_loadu_si128((const __m128i *)(codes + i * w->columns / 2)) : _mm_setzero_si128();
  qp_transpose_bytes(columns, lines);
  if (!first && column % w->block != 0 && w->columns % w->block == 0) return;  // the same blocks as 32 columns before
  for (size_t i = 0; i < 16; i++) scales[i] = i < rows ? qp_scale_at(s, (row + i) * w->columns + column) : 0;
}

#endif
