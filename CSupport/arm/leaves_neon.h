#ifndef QP_LEAVES_NEON_H
#define QP_LEAVES_NEON_H

#include "leaves/of_set.h"

enum { QP_NEON_MR = 6, QP_NEON_NR = 16 };

QP_DECLARE_LEAVES(neon)
QP_DECLARE_FIXED_LEAVES(neon)
QP_DECLARE_BLOCK_LEAVES(neon)

#endif
