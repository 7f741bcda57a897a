/// The scalar leaves, shared by the set `reference` and, where a set has nothing better, by others.
#ifndef QP_REFERENCE_LEAVES_H
#define QP_REFERENCE_LEAVES_H

#include "dispatch/kernel_set.h"

int qp_always(void);

void qp_ref_gemm_tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc,
                      size_t m, size_t n, int accumulate);
void qp_ref_gemm_thin(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step,
                      size_t kc, size_t m, size_t n, int accumulate);
void qp_ref_pack_transposed(float *dst, const float *src, size_t ld, size_t valid, size_t kc);
void qp_ref_pack_straight(float *dst, const float *src, size_t ld, size_t valid, size_t kc);
void qp_ref_pack_weight_rows(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc);
size_t qp_ref_pack_weight_columns(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns);

void qp_ref_decode_q4(float *y, const uint8_t *codes, const float *levels, float scale, size_t count);
void qp_ref_decode_f16(float *y, const uint16_t *x, size_t count);
void qp_ref_decode_bf16(float *y, const uint16_t *x, size_t count);
void qp_ref_decode_blocks(qp_storage storage, float *y, const uint8_t *block, size_t part, size_t count);
void qp_ref_encode_f16(uint16_t *y, const float *x, size_t count);
void qp_ref_encode_i16(int16_t *y, const float *x, float inverse, size_t count);
void qp_ref_round_bf16(float *x, size_t count);
void qp_ref_encode_q4(uint8_t *codes, const float *x, float inverse, const qp_q4_rule *rule, size_t count);
float qp_ref_max_abs(const float *x, size_t count);

float qp_ref_row_max(const float *x, size_t count);
double qp_ref_exp_sum(float *y, const float *x, float scale, float shift, size_t count);
void qp_ref_softmax_backward(float *s, float *ds, float scale, float lse, float delta, size_t count);
float qp_ref_rms_norm(float *y, const float *x, const float *weight, float eps, size_t d);
void qp_ref_rms_norm_backward(float *dx, const float *dy, const float *x, float inverse_rms, const float *weight, size_t d,
                              int accumulate);
void qp_ref_rotate(float *y, const float *x, const float *cosine, const float *sine, size_t half, int inverse);
void qp_ref_swiglu(float *y, const float *gate, const float *up, size_t count);
void qp_ref_swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t count);

void qp_ref_write_past(float *y, const float *x, size_t count);
void qp_ref_add(float *y, const float *a, const float *b, size_t count);
void qp_ref_axpy(float *y, const float *x, float scale, size_t count);
void qp_ref_scale(float *y, float scale, size_t count);
void qp_ref_multiply(float *y, const float *a, const float *b, size_t count);
void qp_ref_multiply_add(float *y, const float *a, const float *b, float scale, size_t count);
double qp_ref_dot(const float *a, const float *b, size_t count);
void qp_ref_dropout(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t first,
                    size_t count);
void qp_ref_uniform(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t first, size_t count);
void qp_ref_adamw(float *p, float *m, float *v, const float *gradient, const float *constants, size_t count);
void qp_ref_lion(float *p, float *m, const float *gradient, const float *constants, size_t count);
void qp_ref_sgd(float *p, float *m, const float *gradient, const float *constants, size_t count);
void qp_ref_adafactor(float *u, float *v, const float *gradient, const float *constants, size_t count);
void qp_ref_fixed_arrange(int16_t *dst, const int16_t *x, size_t run);
void qp_ref_fixed_rows(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                          size_t row, size_t rows);
void qp_ref_fixed_blocks(float *y, const int16_t *x, const float *x_scales, const float *x_sums, qp_storage storage, const uint8_t *row,
                         size_t rows, size_t blocks);

#endif
