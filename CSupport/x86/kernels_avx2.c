/// The set for processors with AVX2, FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/cpu.h"
#include "x86/leaves_avx2.h"

#define NAME(x) x##_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "leaves/elementwise.h"
#pragma clang attribute pop

const qp_kernel_set qp_kernels_avx2 = {
    .name = "avx2",
    .supported = qp_has_avx2,
    .mr = QP_AVX2_MR,
    .nr = QP_AVX2_NR,
    .gemm_tile = qp_gemm_tile_avx2,
    .pack_transposed = qp_pack_transposed_avx2,
    .pack_straight = qp_pack_straight_avx2,
    .pack_weight_rows = qp_pack_weight_rows_avx2,
    .pack_weight_columns = qp_pack_weight_columns_avx2,
    .few_takes = qp_few_takes_avx2,
    .few_arrange = qp_few_arrange_avx2,
    .few_rows = qp_few_rows_avx2,
    .few_columns = qp_few_columns_avx2,
    .fixed_arrange = qp_fixed_arrange_avx2,
    .fixed_rows = qp_fixed_rows_avx2,
    .decode_q4 = qp_decode_q4_avx2,
    .decode_f16 = qp_decode_f16_avx2,
    .block_decoders = qp_block_decoders_avx2,
#include "leaves/elementwise_fields.h"
};
#endif
