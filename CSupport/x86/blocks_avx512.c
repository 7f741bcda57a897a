/// ggml's block formats, compiled for this set.
#if defined(__x86_64__)
#include <immintrin.h>

#include "x86/leaves_avx512.h"

#define QP_SUMS 2
#define NAME(x) x##_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), apply_to = function)
#include "x86/blocks.h"

#include "blocks/leaves.h"
#pragma clang attribute pop
#endif
