/// The sums of the tile product, one text for both sets. Who includes it, after the target pragma, says what LANES are and how they are
/// loaded, filled with one number, multiplied and added (LOAD, FILL, FMA, ZERO), and how far ahead things are asked for: the rows of C,
/// LAST steps before the end; the panel, PANEL_AHEAD steps (0: the processor sees it coming).
#ifndef QP_TILE_SUMS_H
#define QP_TILE_SUMS_H

// `rows`, `at` and `together` are constants of each call: every loop over them unrolls and the sums live in registers. Rows of A are
// found three to a pointer, as an address may add one or two steps by itself.
__attribute__((always_inline)) static inline void step(LANES sum[MR][2], const float *const *three, size_t row_step,
                                                       const float *b, const size_t at, const size_t rows) {
  LANES b0 = LOAD(b + at * NR), b1 = LOAD(b + at * NR + NR / 2);
  if (PANEL_AHEAD) {
    _mm_prefetch((const char *)(b + (at + PANEL_AHEAD) * NR), _MM_HINT_T0);
    _mm_prefetch((const char *)(b + (at + PANEL_AHEAD) * NR + NR / 2), _MM_HINT_T0);
  }
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    LANES x = FILL(three[i / 3] + i % 3 * row_step + at);
    sum[i][0] = FMA(x, b0, sum[i][0]);
    sum[i][1] = FMA(x, b1, sum[i][1]);
  }
}

// `together` steps at a time, one unless k_step is 1, while so many are left; how far it came. Instructions count, where two threads
// share a core.
__attribute__((always_inline)) static inline size_t steps(LANES sum[MR][2], const float *three[(MR + 2) / 3], size_t row_step,
                                                        size_t k_step, const size_t together, const float *next, const float *b,
                                                        size_t k, size_t end, const size_t rows) {
  for (; k + together <= end; k += together) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i += 3) __asm__("" : "+r"(three[i / 3]));  // else a row's address is made from the last one's
#pragma clang loop unroll(full)
    for (size_t at = 0; at < together; at++) {
      if (at * rows % 16 < rows) _mm_prefetch((const char *)(next + (k + at) * rows), _MM_HINT_T0);  // once a line
      step(sum, three, row_step, b + k * NR, at, rows);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i += 3) three[i / 3] += together * k_step;
  }
  return k;
}

__attribute__((always_inline)) static inline void tile_sums(LANES sum[MR][2], const float *c, size_t ldc, const float *a,
                                                            size_t row_step, size_t k_step, const size_t together,
                                                            const float *b, size_t kc, const size_t rows, size_t n) {
  const float *three[(MR + 2) / 3], *next = a + rows * row_step;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++) {
    sum[i][0] = sum[i][1] = ZERO();
    three[i / 3] = a + i / 3 * 3 * row_step;
  }
  // Rows of C may share a few lines of the nearest cache, so they are asked for when they are needed soon.
  size_t k = steps(sum, three, row_step, k_step, together, next, b, 0, kc > LAST ? kc - LAST : 0, rows);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++)
    _mm_prefetch((const char *)(c + i * ldc), _MM_HINT_T0), _mm_prefetch((const char *)(c + i * ldc + n - 1), _MM_HINT_T0);
  k = steps(sum, three, row_step, k_step, together, next, b, k, kc, rows);
  if (together > 1) steps(sum, three, row_step, k_step, 1, next, b, k, kc, rows);
}

#endif
