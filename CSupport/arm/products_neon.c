/// NEON: the 6 x 16 tile product and packers. Twenty-four sums, four loads of weights and six of tokens a step.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>

#include "arm/leaves_neon.h"

enum { MR = QP_NEON_MR, NR = QP_NEON_NR };

// `rows` is a constant of each call: every loop over it unrolls and the sums live in registers.
__attribute__((always_inline)) static inline void tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step,
                                                       const float *b, size_t b_step, size_t kc, const size_t rows,
                                                       size_t n, int accumulate) {
  float32x4_t sum[MR][4];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) sum[i][j] = vdupq_n_f32(0);
  for (size_t k = 0; k < kc; k++, a += k_step, b += b_step) {
    float32x4_t b0 = vld1q_f32(b), b1 = vld1q_f32(b + 4), b2 = vld1q_f32(b + 8), b3 = vld1q_f32(b + 12);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
      float x = a[i * row_step];
      sum[i][0] = vfmaq_n_f32(sum[i][0], b0, x), sum[i][1] = vfmaq_n_f32(sum[i][1], b1, x);
      sum[i][2] = vfmaq_n_f32(sum[i][2], b2, x), sum[i][3] = vfmaq_n_f32(sum[i][3], b3, x);
    }
  }
  if (n == NR) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (size_t j = 0; j < 4; j++) {
        float *at = c + i * ldc + 4 * j;
        vst1q_f32(at, accumulate ? vaddq_f32(vld1q_f32(at), sum[i][j]) : sum[i][j]);
      }
    return;
  }
  float whole[MR * NR];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) vst1q_f32(whole + i * NR + 4 * j, sum[i][j]);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < n; j++) c[i * ldc + j] = accumulate ? c[i * ldc + j] + whole[i * NR + j] : whole[i * NR + j];
}

#define ROWS(M) \
  case M: tile(c, ldc, a, row_step, k_step, b, NR, kc, M, n, accumulate); break;

void qp_gemm_tile_neon(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                       size_t m, size_t n, int accumulate) {
  switch (m) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
  }
}

#define THIN(M)                                            \
  for (; m >= M; m -= M, a += M * row_step, c += M * ldc) \
    tile(c, ldc, a, row_step, k_step, b, b_step, kc, M, n, accumulate);

void qp_gemm_thin_neon(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step,
                       size_t kc, size_t m, size_t n, int accumulate) {
  THIN(6) THIN(4) THIN(3) THIN(2) THIN(1)
}

static inline void transpose4(float32x4_t r[4]) {
  float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
  r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

void qp_pack_transposed_neon(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  size_t whole = kc / 4 * 4, i = 0;
  for (; i + 4 <= valid; i += 4) {
    for (size_t k = 0; k < whole; k += 4) {
      float32x4_t r[4];
      for (size_t j = 0; j < 4; j++) r[j] = vld1q_f32(src + (i + j) * ld + k);
      transpose4(r);
      for (size_t j = 0; j < 4; j++) vst1q_f32(dst + (k + j) * NR + i, r[j]);
    }
    for (size_t k = whole; k < kc; k++)
      for (size_t j = i; j < i + 4; j++) dst[k * NR + j] = src[j * ld + k];
  }
  for (; i < NR; i++)
    for (size_t k = 0; k < kc; k++) dst[k * NR + i] = i < valid ? src[i * ld + k] : 0;
}

void qp_pack_straight_neon(float *dst, const float *src, size_t ld, size_t valid, size_t kc) {
  for (size_t k = 0; k < kc; k++) {
    float *to = dst + k * NR;
    const float *from = src + k * ld;
    size_t i = 0;
    for (; i + 4 <= valid; i += 4) vst1q_f32(to + i, vld1q_f32(from + i));
    for (; i < NR; i++) to[i] = i < valid ? from[i] : 0;
  }
}
#endif
