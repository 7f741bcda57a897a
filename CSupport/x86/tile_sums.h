/// The sums of the tile product, one text for both sets. Who includes it, after the target pragma, says what LANES are and how they are
/// loaded, filled with one number, multiplied and added (LOAD, FILL, FMA, ZERO), and how far ahead things are asked for: the rows of C,
/// LAST steps before the end; the panel, PANEL_AHEAD steps (0: the processor sees it coming).
#ifndef QP_TILE_SUMS_H
#define QP_TILE_SUMS_H

// `rows` is a constant of each call: every loop over it unrolls and the sums live in registers. Rows of A are found three to a
// pointer, as an address may add one or two steps by itself.
__attribute__((always_inline)) static inline void steps(LANES sum[MR][2], const float *three[(MR + 2) / 3], size_t row_step,
                                                        size_t k_step, const float *next, const float *b, size_t k, size_t end,
                                                        const size_t rows) {
  for (; k < end; k++) {
    _mm_prefetch((const char *)(next + k * rows), _MM_HINT_T0);
    LANES b0 = LOAD(b + k * NR), b1 = LOAD(b + k * NR + NR / 2);
    if (PANEL_AHEAD) {
      _mm_prefetch((const char *)(b + (k + PANEL_AHEAD) * NR), _MM_HINT_T0);
      _mm_prefetch((const char *)(b + (k + PANEL_AHEAD) * NR + NR / 2), _MM_HINT_T0);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
      LANES x = FILL(three[i / 3] + i % 3 * row_step);
      sum[i][0] = FMA(x, b0, sum[i][0]);
      sum[i][1] = FMA(x, b1, sum[i][1]);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i += 3) three[i / 3] += k_step;
  }
}

__attribute__((always_inline)) static inline void tile_sums(LANES sum[MR][2], const float *c, size_t ldc, const float *a,
                                                            size_t row_step, size_t k_step, const float *b, size_t kc,
                                                            const size_t rows, size_t n) {
  const float *three[(MR + 2) / 3], *next = a + rows * row_step;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    sum[i][0] = sum[i][1] = ZERO();
    three[i / 3] = a + i / 3 * 3 * row_step;
  }
  // Rows of C may share a few lines of the nearest cache, so they are asked for when they are needed soon.
  size_t most = kc > LAST ? kc - LAST : 0;
  steps(sum, three, row_step, k_step, next, b, 0, most, rows);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++)
    _mm_prefetch((const char *)(c + i * ldc), _MM_HINT_T0), _mm_prefetch((const char *)(c + i * ldc + n - 1), _MM_HINT_T0);
  steps(sum, three, row_step, k_step, next, b, most, kc, rows);
}

#endif
