// Decoders of ggml's block formats, written once as plain loops; each instruction set includes this text between its target
// pragmas and gets its own copy. NAME(x) adds the suffix of the set. A call decodes 32 numbers: part `part` of a block.
// Every step is rounded to float32 as the gguf package rounds it, so all sets give the same bits.
#include <string.h>

#include "dispatch/kernel_set.h"

#pragma clang fp contract(off)

/// The float16 at `x`, exactly; at any address.
static inline float NAME(half_at)(const uint8_t *x) {
  uint32_t magnitude = (uint32_t)x[0] | (uint32_t)(x[1] & 0x7f) << 8, sign = (uint32_t)(x[1] & 0x80) << 24, bits;
  float value;
  if (magnitude >= 0x7c00) {  // infinity, NaN (made quiet)
    bits = 0x7f800000 | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000 : 0);
  } else {
    value = (float)magnitude * 0x1p-24f;  // right below 2^-14
    memcpy(&bits, &value, 4);
    if (magnitude >= 0x400) bits = (magnitude << 13) + ((127 - 15) << 23);
  }
  bits |= sign;
  memcpy(&value, &bits, 4);
  return value;
}

#include "blocks/plain.h"

#include "blocks/k.h"

#include "blocks/coded.h"

/// By storage, from QP_GGML_Q4_0 on.
const qp_block_decoder NAME(qp_block_decoders)[QP_STORAGE_COUNT - QP_GGML_Q4_0] = {
    NAME(q4_0), NAME(q4_1), NAME(q5_0), NAME(q5_1), NAME(q8_0),   NAME(q2_k),   NAME(q3_k),
    NAME(q4_k), NAME(q5_k), NAME(q6_k), NAME(iq4_nl), NAME(iq4_xs), NAME(mxfp4),
};
