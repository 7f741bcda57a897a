/// Philox 4x32-10: four random words of a key and a counter. Source: Salmon et al. 2011, "Parallel random numbers: as easy as
/// 1, 2, 3". Counter words: low half of the block index, step, site, high half of the block index.
#ifndef QP_PHILOX_H
#define QP_PHILOX_H

#include <stdint.h>

static inline void qp_philox(uint32_t out[4], uint64_t seed, uint64_t block, uint32_t step, uint32_t site) {
  uint32_t c0 = (uint32_t)block, c1 = step, c2 = site, c3 = (uint32_t)(block >> 32);
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

#endif
