/// The scales of a 4-bit matrix, for leaves of every processor. Include after the target pragma, if there is one.
#ifndef QP_Q4_SCALES_H
#define QP_Q4_SCALES_H

#include <string.h>

#include "dispatch/kernel_set.h"

/// Where the scales of a matrix are, with the divisions taken out.
typedef struct {
  const qp_matrix *w;
  unsigned block_shift, nested_shift;
} qp_scales;

static inline unsigned qp_shift(size_t power) { return (unsigned)__builtin_ctzll(power); }

static inline qp_scales qp_scales_of(const qp_matrix *w) {
  return (qp_scales){w, qp_shift(w->block), w->absmax ? 0 : qp_shift(w->nested_block)};
}

/// The scale of the element `index` of the flattened matrix; nested_block must be a power of two.
static inline float qp_scale_at(const qp_scales *s, size_t index) {
  const qp_matrix *w = s->w;
  size_t b = index >> s->block_shift;
  if (w->absmax) return w->absmax[b];
  float scaled = w->nested_map[w->absmax_codes[b]] * w->nested_absmax[b >> s->nested_shift];
#if defined(__aarch64__)
  __asm__("" : "+w"(scaled));  // rounded here: no fused multiply and add
#else
  __asm__("" : "+x"(scaled));
#endif
  return scaled + w->nested_offset;
}

/// Rows start on whole 32s, so that every run of 32 columns from a multiple of 32 lies in one block.
static inline int qp_aligned_q4(const qp_matrix *w) {
  return w->storage == QP_Q4 && w->columns % 32 == 0 &&
         (w->absmax || (w->nested_block & (w->nested_block - 1)) == 0);
}

/// Runs of 64 columns from an element that is a multiple of 64 lie in one block, on every row.
static inline int qp_runs_of_64(const qp_matrix *w) { return w->block % 64 == 0 && w->columns % 64 == 0; }

/// A row is `runs` runs of so many columns that 2^run_shift of them share a scale. This gives the scale of scales that each of `rows` rows
/// from `row` on takes at its run `b`, and the run at which one of them takes another.
static inline size_t qp_nested_scales(float nested[], const qp_scales *s, unsigned run_shift, size_t row, size_t rows, size_t runs,
                                      size_t b) {
  size_t end = runs;
  for (size_t r = row; r < row + rows && !s->w->absmax; r++) {
    size_t n = (r * runs + b) >> run_shift >> s->nested_shift, last = ((n + 1) << s->nested_shift << run_shift) - r * runs;
    nested[r - row] = s->w->nested_absmax[n];
    end = last < end ? last : end;
  }
  return end;
}

#endif
