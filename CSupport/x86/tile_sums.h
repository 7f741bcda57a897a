/// The sums of the tile product, one text for both sets. Who includes it, after the target pragma, says what LANES are and how they are
/// loaded, filled with one number, multiplied and added (LOAD, FILL, FMA, ZERO), how many rows there are at most (MOST_ROWS), and how many
/// steps before the end the rows of C are asked for (LAST).
#ifndef QP_TILE_SUMS_H
#define QP_TILE_SUMS_H

/// What is known of a tile when it is compiled: every loop over these numbers unrolls, and the sums live in registers.
typedef struct {
  size_t rows, vectors;  // of C; a row has one or two vectors
  size_t together;       // steps that are taken at once, one unless k_step is 1
  size_t ahead;          // steps by which B is asked for ahead of time; 0: the processor sees it coming
} tile_shape;

#define INLINE __attribute__((always_inline)) static inline
enum { WIDTH = sizeof(LANES) / sizeof(float) };

// Rows of A are found three to a pointer, as an address may add one or two steps by itself.
INLINE void step(LANES sum[MOST_ROWS][2], const float *const *three, size_t row_step, size_t at, const float *b, size_t b_step,
                 const tile_shape shape) {
  LANES b0 = LOAD(b), b1 = shape.vectors == 2 ? LOAD(b + WIDTH) : b0;
  if (shape.ahead)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < shape.vectors * WIDTH; i += 16)  // once a line
      _mm_prefetch((const char *)(b + shape.ahead * b_step + i), _MM_HINT_T0);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < shape.rows; i++) {
    LANES x = FILL(three[i / 3] + i % 3 * row_step + at);
    sum[i][0] = FMA(x, b0, sum[i][0]);
    if (shape.vectors == 2) sum[i][1] = FMA(x, b1, sum[i][1]);
  }
}

// Steps `k` to `end`, while `together` are left; how far it came. Instructions count, where two threads share a core.
INLINE size_t steps(LANES sum[MOST_ROWS][2], const float *three[(MOST_ROWS + 2) / 3], size_t row_step, size_t k_step,
                    const float *next, const float *b, size_t b_step, size_t k, size_t end, const tile_shape shape) {
  for (; k + shape.together <= end; k += shape.together) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < shape.rows; i += 3) __asm__("" : "+r"(three[i / 3]));  // else a row's address is made from the last one's
#pragma clang loop unroll(full)
    for (size_t at = 0; at < shape.together; at++) {
      if (at * shape.rows % 16 < shape.rows) _mm_prefetch((const char *)(next + (k + at) * shape.rows), _MM_HINT_T0);  // once a line
      step(sum, three, row_step, at, b + (k + at) * b_step, b_step, shape);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < shape.rows; i += 3) three[i / 3] += shape.together * k_step;
  }
  return k;
}

INLINE void tile_sums(LANES sum[MOST_ROWS][2], const float *c, size_t ldc, const float *a, size_t row_step, size_t k_step,
                      const float *b, size_t b_step, size_t kc, size_t n, tile_shape shape) {
  const float *three[(MOST_ROWS + 2) / 3], *next = a + shape.rows * row_step;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < shape.rows; i++) {
    sum[i][0] = sum[i][1] = ZERO();
    three[i / 3] = a + i / 3 * 3 * row_step;
  }
  // Rows of C may share a few lines of the nearest cache, so they are asked for when they are needed soon.
  size_t k = steps(sum, three, row_step, k_step, next, b, b_step, 0, kc > LAST ? kc - LAST : 0, shape);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < shape.rows; i++)
    _mm_prefetch((const char *)(c + i * ldc), _MM_HINT_T0), _mm_prefetch((const char *)(c + i * ldc + n - 1), _MM_HINT_T0);
  k = steps(sum, three, row_step, k_step, next, b, b_step, k, kc, shape);
  if (shape.together > 1) {
    shape.together = 1;
    steps(sum, three, row_step, k_step, next, b, b_step, k, kc, shape);
  }
}

#endif
