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
    .supported = qp_has_avx512,
    .mr = QP_AVX512_MR,
    .nr = QP_AVX512_NR,
    .kc = 512,
    .strips = 4,
    .thin_rows = 2 * QP_AVX512_MR,
    QP_LEAF_FIELDS(avx512),
    QP_FIXED_LEAF_FIELDS(avx512),
    .pairs = &qp_pairs_avx512,
    QP_BLOCK_LEAF_FIELDS(avx512),
#include "leaves/elementwise_fields.h"
};
#endif
