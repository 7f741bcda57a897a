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

#endif
