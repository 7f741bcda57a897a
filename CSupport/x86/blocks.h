/// What blocks/leaves.h asks of a set. Include between the target pragmas.
#ifndef QP_X86_BLOCKS_H
#define QP_X86_BLOCKS_H

#include "blocks/vectors.h"

static inline qp_i8x32 qp_look_up(const int8_t *levels, qp_u8x32 indices) {
  __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)levels));
  return (qp_i8x32)_mm256_shuffle_epi8(table, (__m256i)indices);
}

#define QP_LOOK_UP qp_look_up
#define QP_PRODUCTS(a, b) ((qp_i32x8)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))

#endif
