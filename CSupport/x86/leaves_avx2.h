#ifndef QP_LEAVES_AVX2_H
#define QP_LEAVES_AVX2_H

#include "leaves/of_set.h"

enum { QP_AVX2_MR = 6, QP_AVX2_NR = 16 };

QP_DECLARE_LEAVES(avx2)
QP_DECLARE_FIXED_LEAVES(avx2)
QP_DECLARE_BLOCK_LEAVES(avx2)

#endif
