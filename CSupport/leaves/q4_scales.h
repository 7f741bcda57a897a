/// The scales of a 4-bit matrix, for leaves of every processor. Include after the target pragma, if there is one.
#ifndef QP_Q4_SCALES_H
#define QP_Q4_SCALES_H

#include <string.h>

#include "dispatch/kernel_set.h"

enum { QP_SCALES = 64 };  // so many are made at a time

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

/// Scales of `count` <= QP_SCALES runs of QP_FIXED columns from the element `index` on, times those of x; block >= QP_FIXED. Where
/// products are as cheap as in fixed point, scales made one at a time between them would take a quarter of the time.
static inline void qp_fixed_scales(float *scales, const float *x_scales, const qp_scales *s, size_t index, size_t count) {
#pragma clang fp contract(off)
  const qp_matrix *w = s->w;
  float blocks[QP_SCALES];
  size_t first = index >> s->block_shift, end = ((index + count * QP_FIXED - 1) >> s->block_shift) + 1;
  if (w->absmax) {
    memcpy(blocks, w->absmax + first, (end - first) * sizeof(float));
  } else {
    const float *map = w->nested_map, offset = w->nested_offset;
    for (size_t b = first; b < end;) {
      size_t nested = b >> s->nested_shift, stop = (nested + 1) << s->nested_shift;
      float scale = w->nested_absmax[nested];
      for (stop = stop < end ? stop : end; b < stop; b++) blocks[b - first] = map[w->absmax_codes[b]] * scale + offset;
    }
  }
  if (w->block == QP_FIXED)
    for (size_t i = 0; i < count; i++) scales[i] = blocks[i] * x_scales[i];
  else
    for (size_t i = 0; i < count; i++)
      scales[i] = blocks[((index + i * QP_FIXED) >> s->block_shift) - first] * x_scales[i];
}

#endif
