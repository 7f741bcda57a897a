/// NEON: products with few tokens. Weights are decoded into registers and used at once; nothing is packed.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>

#include "arm/leaves_neon.h"
#include "arm/planes_neon.h"
#include "leaves/narrow.h"
#include "leaves/q4_scales.h"

int qp_few_takes_neon(const qp_matrix *w, size_t n, int transposed) {
  if (qp_aligned_q4(w)) return n <= QP_FEW_MAX;
  return !transposed && n <= 2 && (w->storage == QP_F32 || w->storage == QP_F16 || w->storage == QP_BF16);
}

// Levels come out in order, so tokens stay as they are.
void qp_few_arrange_neon(float *dst, const float *x, const qp_matrix *w) { memcpy(dst, x, w->columns * sizeof(float)); }

// Thirty-two weights from sixteen bytes.
static inline void decode32(float32x4_t v[8], uint8x16x4_t planes, const uint8_t *codes, float scale) {
  uint8x16x2_t nibbles = qp_nibbles32(vld1q_u8(codes));
  qp_levels16(v, planes, nibbles.val[0]);
  qp_levels16(v + 4, planes, nibbles.val[1]);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) v[i] = vmulq_n_f32(v[i], scale);
}

static inline float total(const float32x4_t sum[4]) {
  return vaddvq_f32(vaddq_f32(vaddq_f32(sum[0], sum[1]), vaddq_f32(sum[2], sum[3])));
}

static inline void put(float *y, float value, int accumulate) { *y = accumulate ? *y + value : value; }

__attribute__((always_inline)) static inline void q4_row(float *y, size_t ldy, const float *x, const qp_scales *s,
                                                         uint8x16x4_t planes, size_t row, const size_t n, int accumulate) {
  const qp_matrix *w = s->w;
  const uint8_t *codes = (const uint8_t *)w->values + row * w->columns / 2;
  float32x4_t sum[4][4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++) sum[t][i] = vdupq_n_f32(0);
  for (size_t k = 0; k < w->columns; k += 32) {
    float32x4_t v[8];
    decode32(v, planes, codes + k / 2, qp_scale_at(s, row * w->columns + k));
#pragma clang loop unroll(full)
    for (size_t t = 0; t < n; t++)
#pragma clang loop unroll(full)
      for (size_t i = 0; i < 8; i++) sum[t][i % 4] = vfmaq_f32(sum[t][i % 4], v[i], vld1q_f32(x + t * w->columns + k + 4 * i));
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++) put(y + t * ldy + row, total(sum[t]), accumulate);
}

static inline float32x4_t dense4(const qp_matrix *w, size_t at) {
  if (w->storage == QP_F32) return vld1q_f32((const float *)w->values + at);
  uint16x4_t half = vld1_u16((const uint16_t *)w->values + at);
  return w->storage == QP_F16 ? qp_from_f16(half) : qp_from_bf16(half);
}

static void dense_row(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t n, int accumulate) {
  size_t columns = w->columns, whole = columns / 16 * 16;
  float32x4_t sum[2][4];
  for (size_t t = 0; t < 2; t++)
    for (size_t i = 0; i < 4; i++) sum[t][i] = vdupq_n_f32(0);
  for (size_t k = 0; k < whole; k += 16)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++) {
      float32x4_t v = dense4(w, row * columns + k + 4 * i);
      for (size_t t = 0; t < n; t++) sum[t][i] = vfmaq_f32(sum[t][i], v, vld1q_f32(x + t * columns + k + 4 * i));
    }
  float rest[16];
  qp_decode_run(&qp_kernels_neon, rest, w, row * columns + whole, columns - whole);
  for (size_t t = 0; t < n; t++) {
    float value = total(sum[t]);
    for (size_t k = whole; k < columns; k++) value += rest[k - whole] * x[t * columns + k];
    put(y + t * ldy + row, value, accumulate);
  }
}

void qp_few_rows_neon(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                      int accumulate) {
  if (w->storage != QP_Q4) {
    for (size_t r = row; r < row + rows; r++) dense_row(y, ldy, x, w, r, n, accumulate);
    return;
  }
  qp_scales s = qp_scales_of(w);
  uint8x16x4_t planes = qp_planes(w->levels);
  for (size_t t = 0; t < n; t += 4, y += 4 * ldy, x += 4 * w->columns)  // four tokens share one decoding
    for (size_t r = row; r < row + rows; r++) switch (n - t) {
        case 1: q4_row(y, ldy, x, &s, planes, r, 1, accumulate); break;
        case 2: q4_row(y, ldy, x, &s, planes, r, 2, accumulate); break;
        case 3: q4_row(y, ldy, x, &s, planes, r, 3, accumulate); break;
        default: q4_row(y, ldy, x, &s, planes, r, 4, accumulate); break;
      }
}

// Numbers i ... i + 3 of W, floats or float16.
__attribute__((always_inline)) static inline float32x4_t four_of(const void *w, size_t i, const int is_half) {
  return is_half ? qp_from_f16(vld1_u16((const uint16_t *)w + i)) : vld1q_f32((const float *)w + i);
}

// Four rows at a time, of which `rows` count: summing up each by itself would be most of the work. `is_half` is a constant of each call.
__attribute__((always_inline)) static inline void four_rows(float *y, const float *x, const void *w, const int is_half, size_t first,
                                                            size_t step, size_t rows, size_t columns, int accumulate) {
  float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
  size_t whole = columns / 4 * 4;
  for (size_t k = 0; k < whole; k += 4) {
    float32x4_t v = vld1q_f32(x + k);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < 4; r++) sum[r] = vfmaq_f32(sum[r], four_of(w, (first + (r < rows ? r : 0)) * step + k, is_half), v);
  }
  float total[4];
  vst1q_f32(total, vpaddq_f32(vpaddq_f32(sum[0], sum[1]), vpaddq_f32(sum[2], sum[3])));
  for (size_t r = 0; r < rows; r++) {
    for (size_t k = whole; k < columns; k++) total[r] += ((const float *)w)[(first + r) * step + k] * x[k];
    put(y + r, total[r], accumulate);
  }
}

__attribute__((always_inline)) static inline void narrow_rows(float *y, size_t ldy, const float *x, const void *w, const int is_half,
                                                              size_t step, size_t rows, size_t columns, size_t n, int accumulate) {
  for (size_t r = 0; r < rows; r += 4)
    for (size_t t = 0; t < n; t++)
      four_rows(y + t * ldy + r, x + t * columns, w, is_half, r, step, rows - r < 4 ? rows - r : 4, columns, accumulate);
}

// Sixteen columns from `first` on. `n`, at most 4, and `is_half` are constants of each call.
__attribute__((always_inline)) static inline void sixteen_columns(float *y, size_t ldy, const float *x, size_t ldx, const void *w,
                                                                  const int is_half, size_t first, size_t step, size_t rows,
                                                                  const size_t n, int accumulate) {
  float32x4_t sum[4][4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++)
    for (size_t i = 0; i < 4; i++) sum[t][i] = accumulate ? vld1q_f32(y + t * ldy + 4 * i) : vdupq_n_f32(0);
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++) {
      float32x4_t v = four_of(w, r * step + first + 4 * i, is_half);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < n; t++) sum[t][i] = vfmaq_n_f32(sum[t][i], v, x[t * ldx + r]);
    }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < n; t++)
    for (size_t i = 0; i < 4; i++) vst1q_f32(y + t * ldy + 4 * i, sum[t][i]);
}

__attribute__((always_inline)) static inline void narrow_columns(float *y, size_t ldy, const float *x, size_t ldx, const void *w,
                                                                 const int is_half, size_t step, size_t rows, size_t columns, size_t n,
                                                                 int accumulate) {
  for (size_t t = 0; t < n; t += 4, x += 4 * ldx, y += 4 * ldy)
    for (size_t c = 0; c < columns; c += 16) switch (n - t) {
        case 1: sixteen_columns(y + c, ldy, x, ldx, w, is_half, c, step, rows, 1, accumulate); break;
        case 2: sixteen_columns(y + c, ldy, x, ldx, w, is_half, c, step, rows, 2, accumulate); break;
        case 3: sixteen_columns(y + c, ldy, x, ldx, w, is_half, c, step, rows, 3, accumulate); break;
        default: sixteen_columns(y + c, ldy, x, ldx, w, is_half, c, step, rows, 4, accumulate); break;
      }
}

QP_NARROW_LEAVES(neon)

// Adds `rows` rows from `first` on to sums[token][columns].
__attribute__((always_inline)) static inline void q4_columns(float *sums, const float *dy, const qp_scales *s,
                                                             uint8x16x4_t planes, size_t column, size_t columns,
                                                             size_t first, const size_t rows, size_t n) {
  const qp_matrix *w = s->w;
  const uint8_t *codes = (const uint8_t *)w->values + (first * w->columns + column) / 2;
  for (size_t c = 0; c < columns; c += 32) {
    float32x4_t v[2][8];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      decode32(v[r], planes, codes + (r * w->columns + c) / 2, qp_scale_at(s, (first + r) * w->columns + column + c));
    for (size_t t = 0; t < n; t++)
#pragma clang loop unroll(full)
      for (size_t i = 0; i < 8; i++) {
        float *at = sums + t * QP_FEW_COLUMNS + c + 4 * i;
        float32x4_t sum = vld1q_f32(at);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) sum = vfmaq_n_f32(sum, v[r][i], dy[t * w->rows + first + r]);
        vst1q_f32(at, sum);
      }
  }
}

void qp_few_columns_neon(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                         int accumulate) {
  qp_scales s = qp_scales_of(w);
  uint8x16x4_t planes = qp_planes(w->levels);
  float sums[QP_FEW_MAX * QP_FEW_COLUMNS];
  for (size_t t = 0; t < n; t++) memset(sums + t * QP_FEW_COLUMNS, 0, columns * sizeof(float));
  size_t row = 0;
  for (; row + 2 <= w->rows; row += 2) q4_columns(sums, dy, &s, planes, column, columns, row, 2, n);
  for (; row < w->rows; row++) q4_columns(sums, dy, &s, planes, column, columns, row, 1, n);
  for (size_t t = 0; t < n; t++)
    for (size_t c = 0; c < columns; c++) put(dx + t * w->columns + column + c, sums[t * QP_FEW_COLUMNS + c], accumulate);
}
#endif
