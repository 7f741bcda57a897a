/// The set for processors with AVX-512 F, BW, VL and DQ.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/cpu.h"
#include "x86/leaves_avx512.h"

#define NAME(x) x##_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#include "leaves/elementwise.h"
#pragma clang attribute pop

const qp_kernel_set qp_kernels_avx512 = {
    .name = "avx512",
    .supported = qp_has_avx512,
    .mr = QP_AVX512_MR,
    .nr = QP_AVX512_NR,
    .gemm_tile = qp_gemm_tile_avx512,
    .pack_transposed = qp_pack_transposed_avx512,
    .pack_straight = qp_pack_straight_avx512,
    .pack_weight_rows = qp_pack_weight_rows_avx512,
    .pack_weight_columns = qp_pack_weight_columns_avx512,
    .few_takes = qp_few_takes_avx512,
    .few_arrange = qp_few_arrange_avx512,
    .few_rows = qp_few_rows_avx512,
    .few_columns = qp_few_columns_avx512,
    .fixed_arrange = qp_fixed_arrange_avx512,
    .fixed_rows = qp_fixed_rows_avx512,
    .decode_q4 = qp_decode_q4_avx512,
    .decode_f16 = qp_decode_f16_avx512,
    .block_decoders = qp_block_decoders_avx512,
#include "leaves/elementwise_fields.h"
};
#endif
