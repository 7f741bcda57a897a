/// ggml's block formats: sizes, levels, and the decoders for any processor.
#define NAME(x) x##_reference
#include "blocks/decoders.h"

const int8_t qp_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t qp_mxfp4_levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

qp_block qp_block_of(qp_storage storage) {
  static const qp_block blocks[QP_STORAGE_COUNT] = {
      [QP_F32] = {1, 4},           [QP_F16] = {1, 2},           [QP_BF16] = {1, 2},
      [QP_GGML_Q4_0] = {32, 18},   [QP_GGML_Q4_1] = {32, 20},   [QP_GGML_Q5_0] = {32, 22},  [QP_GGML_Q5_1] = {32, 24},
      [QP_GGML_Q8_0] = {32, 34},   [QP_GGML_Q2_K] = {256, 84},  [QP_GGML_Q3_K] = {256, 110}, [QP_GGML_Q4_K] = {256, 144},
      [QP_GGML_Q5_K] = {256, 176}, [QP_GGML_Q6_K] = {256, 210}, [QP_GGML_IQ4_NL] = {32, 18}, [QP_GGML_IQ4_XS] = {256, 136},
      [QP_GGML_MXFP4] = {32, 17},
  };
  return blocks[storage];
}
