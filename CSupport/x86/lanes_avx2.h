/// AVX2: a number of memory in all lanes. Include after the target pragma.
#ifndef QP_LANES_AVX2_H
#define QP_LANES_AVX2_H

/// Kept from becoming a number in a register first, which a shuffle would have to spread: a load spreads for nothing.
static inline __m256 qp_spread_avx2(const float *at) {
  __m256 v = _mm256_broadcast_ss(at);
  __asm__("" : "+x"(v));
  return v;
}

#endif
