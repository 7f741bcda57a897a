/// ggml's block formats, compiled for this set.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/leaves_avx2.h"

#define QP_SUMS 1  // more do not fit the registers
#define NAME(x) x##_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "x86/blocks.h"

#include "blocks/leaves.h"
#pragma clang attribute pop
#endif
