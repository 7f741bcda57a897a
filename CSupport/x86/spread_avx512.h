/// AVX-512: a number of memory in all lanes. Include after the target pragma.
#ifndef QP_SPREAD_AVX512_H
#define QP_SPREAD_AVX512_H

/// Kept from becoming a number in a register first, which a shuffle would have to spread: a load spreads for nothing.
static inline __m512 qp_spread_avx512(const float *at) {
  __m512 v = _mm512_set1_ps(*at);
  __asm__("" : "+v"(v));
  return v;
}

#endif
