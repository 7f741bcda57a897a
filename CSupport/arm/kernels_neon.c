/// The set for 64-bit Arm. NEON is part of every such processor.
#if defined(__aarch64__)
#include "arm/leaves_neon.h"
#include "reference/leaves.h"

#define NAME(x) x##_neon
#include "leaves/elementwise.h"

const qp_kernel_set qp_kernels_neon = {
    .name = "neon",
    .supported = qp_always,
    .mr = QP_NEON_MR,
    .nr = QP_NEON_NR,
    .gemm_tile = qp_gemm_tile_neon,
    .pack_transposed = qp_pack_transposed_neon,
    .pack_straight = qp_pack_straight_neon,
    .pack_weight_rows = qp_pack_weight_rows_neon,
    .pack_weight_columns = qp_pack_weight_columns_neon,
    .few_takes = qp_few_takes_neon,
    .few_arrange = qp_few_arrange_neon,
    .few_rows = qp_few_rows_neon,
    .few_columns = qp_few_columns_neon,
    .decode_q4 = qp_decode_q4_neon,
    .decode_f16 = qp_decode_f16_neon,
    .block_decoders = qp_block_decoders_reference,
#include "leaves/elementwise_fields.h"
};
#endif
