/// Scalar leaves over vectors: sums, random numbers, AdamW.
#include <math.h>
#include <string.h>

#include "reference/leaves.h"
#include "reference/philox.h"

void qp_ref_write_past(float *y, const float *x, size_t count) { memcpy(y, x, count * sizeof(float)); }

void qp_ref_add(float *y, const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}

void qp_ref_axpy(float *y, const float *x, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] += scale * x[i];
}

void qp_ref_scale(float *y, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] *= scale;
}

void qp_ref_multiply(float *y, const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i] * b[i];
}

void qp_ref_multiply_add(float *y, const float *a, const float *b, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] += a[i] * b[i] * scale;
}

double qp_ref_dot(const float *a, const float *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
  return sum;
}

void qp_ref_uniform(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t first, size_t count) {
  uint32_t words[4];
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || (first + i) % 4 == 0) qp_philox(words, seed, (first + i) / 4, step, site);
    y[i] = (float)(words[(first + i) % 4] >> 8) * 0x1p-24f;
  }
}

void qp_ref_dropout(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t first,
                    size_t count) {
  uint32_t words[4];
  float keep = 1 / (1 - p);
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || (first + i) % 4 == 0) qp_philox(words, seed, (first + i) / 4, step, site);
    y[i] = (float)(words[(first + i) % 4] >> 8) * 0x1p-24f >= p ? x[i] * keep : 0;
  }
}

void qp_ref_adamw(float *p, float *m, float *v, const float *gradient, const float *constants, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * constants[QP_ADAM_GRADIENT_SCALE];
    m[i] += (g - m[i]) * constants[QP_ADAM_BETA1_REST];
    v[i] = v[i] * constants[QP_ADAM_BETA2] + g * g * constants[QP_ADAM_BETA2_REST];
    float root = sqrtf(v[i]) * constants[QP_ADAM_INVERSE_ROOT] + constants[QP_ADAM_EPS];
    p[i] = p[i] * constants[QP_ADAM_DECAY] - constants[QP_ADAM_STEP] * (m[i] / root);
  }
}

void qp_ref_lion(float *p, float *m, const float *gradient, const float *constants, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * constants[QP_LION_GRADIENT_SCALE];
    float direction = m[i] * constants[QP_LION_BETA1] + g * constants[QP_LION_BETA1_REST];
    float sign = direction > 0 ? 1.0f : direction < 0 ? -1.0f : 0.0f;
    p[i] = p[i] * constants[QP_LION_DECAY] - constants[QP_LION_RATE] * sign;
    m[i] = m[i] * constants[QP_LION_BETA2] + g * constants[QP_LION_BETA2_REST];
  }
}

void qp_ref_sgd(float *p, float *m, const float *gradient, const float *constants, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * constants[QP_SGD_GRADIENT_SCALE] + p[i] * constants[QP_SGD_WEIGHT_DECAY];
    m[i] = m[i] * constants[QP_SGD_MOMENTUM] + g;
    p[i] -= constants[QP_SGD_RATE] * (g * constants[QP_SGD_GRADIENT_PART] + m[i] * constants[QP_SGD_MOMENT_PART]);
  }
}

void qp_ref_adafactor(float *u, float *v, const float *gradient, const float *constants, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * constants[QP_ADAFACTOR_GRADIENT_SCALE];
    v[i] = v[i] * constants[QP_ADAFACTOR_BETA2] + (g * g + constants[QP_ADAFACTOR_EPS]) * constants[QP_ADAFACTOR_BETA2_REST];
    u[i] = g / sqrtf(v[i]);
  }
}
