/// AVX2: levels from nibbles by four byte planes. vpermps knows eight entries and is slow; pshufb knows sixteen and runs twice
/// a cycle: one lookup for each byte of a float, then bytes and words are interleaved. Exact. Include after the target pragma.
#ifndef QP_PLANES_AVX2_H
#define QP_PLANES_AVX2_H

/// Byte b of the sixteen levels, in both halves of planes[b].
static inline void qp_planes(__m256i planes[4], const float *levels) {
  const __m128i gather = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m128i q[4];
  for (int i = 0; i < 4; i++) q[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(levels + 4 * i)), gather);
  __m128i a = _mm_unpacklo_epi32(q[0], q[1]), b = _mm_unpackhi_epi32(q[0], q[1]);
  __m128i c = _mm_unpacklo_epi32(q[2], q[3]), d = _mm_unpackhi_epi32(q[2], q[3]);
  planes[0] = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(a, c));
  planes[1] = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(a, c));
  planes[2] = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(b, d));
  planes[3] = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(b, d));
}

/// Levels of 32 nibbles (one a byte): out[i] holds those of bytes 4i ... 4i + 3 of the low half, then of the high half.
static inline void qp_levels32(__m256 out[4], const __m256i planes[4], __m256i nibbles) {
  __m256i b0 = _mm256_shuffle_epi8(planes[0], nibbles), b1 = _mm256_shuffle_epi8(planes[1], nibbles);
  __m256i b2 = _mm256_shuffle_epi8(planes[2], nibbles), b3 = _mm256_shuffle_epi8(planes[3], nibbles);
  __m256i low0 = _mm256_unpacklo_epi8(b0, b1), high0 = _mm256_unpacklo_epi8(b2, b3);
  __m256i low1 = _mm256_unpackhi_epi8(b0, b1), high1 = _mm256_unpackhi_epi8(b2, b3);
  out[0] = _mm256_castsi256_ps(_mm256_unpacklo_epi16(low0, high0));
  out[1] = _mm256_castsi256_ps(_mm256_unpackhi_epi16(low0, high0));
  out[2] = _mm256_castsi256_ps(_mm256_unpacklo_epi16(low1, high1));
  out[3] = _mm256_castsi256_ps(_mm256_unpackhi_epi16(low1, high1));
}

/// Sixteen bytes to 32 nibbles: high ones (even elements) in the low half, low ones in the high half.
static inline __m256i qp_split(__m128i bytes) {
  __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_srli_epi16(bytes, 4)), bytes, 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/// Eight bytes of two rows to their sixteen nibbles each, in order: row a in the low half, row b in the high half.
static inline __m256i qp_pair(const uint8_t *a, const uint8_t *b) {
  __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)a)),
                                          _mm_loadl_epi64((const __m128i *)b), 1);
  __m256i in_order = _mm256_unpacklo_epi8(_mm256_srli_epi16(bytes, 4), bytes);
  return _mm256_and_si256(in_order, _mm256_set1_epi8(15));
}

static inline __m256 qp_halves(float low, float high) { return _mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low)); }

static inline float qp_total(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

#endif
