/// chosen[i], chosen[i + 16] = levels[low, high four bits of codes[i]], by one pshufb each.
#ifndef QP_LOOK_UP_BYTES_H
#define QP_LOOK_UP_BYTES_H

#include <immintrin.h>
#include <stdint.h>

__attribute__((target("avx2"))) static inline void qp_look_up_bytes(int8_t *chosen, const uint8_t *codes,
                                                                    const int8_t *levels) {
  __m128i table = _mm_loadu_si128((const __m128i *)levels), bytes = _mm_loadu_si128((const __m128i *)codes);
  __m128i four = _mm_set1_epi8(15), low = _mm_and_si128(bytes, four);
  __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), four);
  _mm_storeu_si128((__m128i *)chosen, _mm_shuffle_epi8(table, low));
  _mm_storeu_si128((__m128i *)(chosen + 16), _mm_shuffle_epi8(table, high));
}

#define QP_LOOK_UP_BYTES qp_look_up_bytes

#endif
