/// AVX-512 with BF16: products of numbers rounded to bfloat16, summed in float32. A lane of 32 bits holds two neighbours along k, and one
/// instruction multiplies and adds both.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/cpu.h"
#include "x86/leaves_avx512.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma"))), apply_to = function)
static inline __m512 pair_fma(__m512 x, __m512 y, __m512 sum) { return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)y); }

#define FMA pair_fma
#include "x86/tile_avx512.h"

static void pair_tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc, size_t m,
                      size_t n, int accumulate) {
  any_tile(c, ldc, a, row_step, k_step, b, kc, m, n, accumulate);
}

static void pair_row(float *dst, const float *x, size_t count) {
  size_t i = 0;
  for (; i + 32 <= count; i += 32)
    _mm512_storeu_ps(dst + i / 2, (__m512)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i)));
  if (i == count) return;
  size_t rest = count - i;
  __m512 low = _mm512_maskz_loadu_ps(qp_mask_of(rest), x + i);
  __m512 high = _mm512_maskz_loadu_ps(rest > 16 ? qp_mask_of(rest - 16) : 0, x + i + 16);
  _mm512_mask_storeu_ps(dst + i / 2, qp_mask_of((rest + 1) / 2), (__m512)_mm512_cvtne2ps_pbh(high, low));
}

static void pair_columns(float *dst, const float *x, size_t ld, size_t width, size_t kc) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
                                         3, 18, 2, 17, 1, 16, 0);
  for (size_t k = 0; k < kc; k += 2, x += 2 * ld, dst += ld)
    for (size_t c = 0; c < width; c += 16) {
      __mmask16 mask = qp_mask_of(width - c);
      __m512 second = k + 1 < kc ? _mm512_maskz_loadu_ps(mask, x + ld + c) : _mm512_setzero_ps();
      __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(second, _mm512_maskz_loadu_ps(mask, x + c));
      _mm512_mask_storeu_epi32(dst + c, mask, _mm512_permutexvar_epi16(order, halves));
    }
}
#pragma clang attribute pop

const qp_pair_leaves qp_pairs_avx512 = {
    .supported = qp_has_avx512_bf16, .row = pair_row, .columns = pair_columns, .tile = pair_tile};
#endif
