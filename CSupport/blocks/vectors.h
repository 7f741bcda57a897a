/// Vectors of 32 numbers of a block, as the compiler's own types: x86 and Arm share the text of ggml's formats (blocks/leaves.h).
#ifndef QP_BLOCKS_VECTORS_H
#define QP_BLOCKS_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef int8_t qp_i8x16 __attribute__((vector_size(16)));
typedef uint8_t qp_u8x16 __attribute__((vector_size(16)));
typedef int8_t qp_i8x32 __attribute__((vector_size(32)));
typedef uint8_t qp_u8x32 __attribute__((vector_size(32)));
typedef int16_t qp_i16x16 __attribute__((vector_size(32)));
typedef int32_t qp_i32x8 __attribute__((vector_size(32)));
typedef uint32_t qp_u32x8 __attribute__((vector_size(32)));
typedef _Float16 qp_f16x8 __attribute__((vector_size(16)));
typedef float qp_f32x4 __attribute__((vector_size(16)));
typedef float qp_f32x8 __attribute__((vector_size(32)));
typedef float qp_f32x16 __attribute__((vector_size(64)));

#endif
