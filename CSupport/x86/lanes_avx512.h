/// AVX-512: what lanes are filled from. Include after the target pragma.
#ifndef QP_LANES_AVX512_H
#define QP_LANES_AVX512_H

#include <stddef.h>

/// The first `count` of sixteen lanes, or all.
static inline __mmask16 qp_mask_of(size_t count) { return (__mmask16)(count >= 16 ? 0xffff : (1u << count) - 1); }

/// A number of memory in all lanes. Kept from becoming a number in a register first, which a shuffle would have to spread: a load spreads
/// for nothing.
static inline __m512 qp_spread_avx512(const float *at) {
  __m512 v = _mm512_set1_ps(*at);
  __asm__("" : "+v"(v));
  return v;
}

/// y[i] (+)= the sum of v[i], i < rows <= 4.
static inline void qp_put_sums(float *y, const __m512 v[4], size_t rows, int accumulate) {
  __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
  __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
  __m512 c = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  __m256 d = _mm256_add_ps(_mm512_castps512_ps256(c), _mm512_extractf32x8_ps(c, 1));
  __m128 sums = _mm_add_ps(_mm256_castps256_ps128(d), _mm256_extractf128_ps(d, 1));
  __mmask8 mask = (__mmask8)((1 << rows) - 1);
  if (accumulate) sums = _mm_add_ps(_mm_maskz_loadu_ps(mask, y), sums);
  _mm_mask_storeu_ps(y, mask, sums);
}

#endif
