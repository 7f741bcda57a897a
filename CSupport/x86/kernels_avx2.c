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
    .supported = qp_has_avx2,
    .mr = QP_AVX2_MR,
    .nr = QP_AVX2_NR,
    .kc = 512,
    .strips = 16,
    .thin_rows = QP_AVX2_MR,
    QP_LEAF_FIELDS(avx2),
    QP_FIXED_LEAF_FIELDS(avx2),
    QP_BLOCK_LEAF_FIELDS(avx2),
#include "leaves/elementwise_fields.h"
};
#endif
