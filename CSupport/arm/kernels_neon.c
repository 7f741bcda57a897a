/// The set for 64-bit Arm. NEON is part of every such processor.
#if defined(__aarch64__)
#include "arm/leaves_neon.h"
#include "reference/leaves.h"

#define NAME(x) x##_neon
#include "leaves/elementwise.h"

const qp_kernel_set qp_kernels_neon = {
    .supported = qp_always,
    .mr = QP_NEON_MR,
    .nr = QP_NEON_NR,
    .kc = 256,
    .strips = 16,
    .thin_rows = QP_NEON_MR,
    QP_LEAF_FIELDS(neon),
    QP_FIXED_LEAF_FIELDS(neon),
    QP_BLOCK_LEAF_FIELDS(neon),
#include "leaves/elementwise_fields.h"
};
#endif
