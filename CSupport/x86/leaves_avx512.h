#ifndef QP_LEAVES_AVX512_H
#define QP_LEAVES_AVX512_H

#include "leaves/of_set.h"

enum { QP_AVX512_MR = 12, QP_AVX512_NR = 32 };

QP_DECLARE_LEAVES(avx512)
QP_DECLARE_FIXED_LEAVES(avx512)

#endif
