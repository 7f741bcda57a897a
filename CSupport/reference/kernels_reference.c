/// The set that runs everywhere: plain loops, one operation a line, sums in double where a row is summed.
#include "reference/leaves.h"

int qp_always(void) { return 1; }

const qp_kernel_set qp_kernels_reference = {
    .name = "reference",
    .supported = qp_always,
    .mr = 4,
    .nr = 4,
    .gemm_tile = qp_ref_gemm_tile,
    .pack_transposed = qp_ref_pack_transposed,
    .pack_straight = qp_ref_pack_straight,
    .pack_weight_rows = qp_ref_pack_weight_rows,
    .pack_weight_columns = qp_ref_pack_weight_columns,
    .decode_q4 = qp_ref_decode_q4,
    .decode_f16 = qp_ref_decode_f16,
    .decode_bf16 = qp_ref_decode_bf16,
    .encode_q4 = qp_ref_encode_q4,
    .max_abs = qp_ref_max_abs,
    .row_max = qp_ref_row_max,
    .exp_sum = qp_ref_exp_sum,
    .softmax_backward = qp_ref_softmax_backward,
    .rms_norm = qp_ref_rms_norm,
    .rms_norm_backward = qp_ref_rms_norm_backward,
    .rotate = qp_ref_rotate,
    .swiglu = qp_ref_swiglu,
    .swiglu_backward = qp_ref_swiglu_backward,
    .add = qp_ref_add,
    .axpy = qp_ref_axpy,
    .scale = qp_ref_scale,
    .multiply = qp_ref_multiply,
    .multiply_add = qp_ref_multiply_add,
    .dot = qp_ref_dot,
    .dropout = qp_ref_dropout,
    .uniform = qp_ref_uniform,
    .adamw = qp_ref_adamw,
};
