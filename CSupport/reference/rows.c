/// Scalar leaves over rows: norms, rotation, gated units, softmax pieces.
#include <math.h>

#include "reference/leaves.h"

float qp_ref_row_max(const float *x, size_t count) {
  float most = -INFINITY;
  for (size_t i = 0; i < count; i++) most = x[i] > most ? x[i] : most;
  return most;
}

double qp_ref_exp_sum(float *y, const float *x, float scale, float shift, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    float e = expf(scale * x[i] - shift);
    if (y) y[i] = e;
    sum += e;
  }
  return sum;
}

void qp_ref_softmax_backward(float *s, float *ds, float scale, float lse, float delta, size_t count) {
  for (size_t i = 0; i < count; i++) {
    s[i] = expf(scale * s[i] - lse);
    ds[i] = s[i] * (ds[i] - delta) * scale;
  }
}

float qp_ref_rms_norm(float *y, const float *x, const float *weight, float eps, size_t d) {
  double sum = 0;
  for (size_t i = 0; i < d; i++) sum += (double)x[i] * x[i];
  float inverse = (float)(1 / sqrt(sum / (double)d + eps));
  for (size_t i = 0; i < d; i++) y[i] = x[i] * inverse * weight[i];
  return inverse;
}

void qp_ref_rms_norm_backward(float *dx, const float *dy, const float *x, float inverse_rms, const float *weight, size_t d,
                              int accumulate) {
  double sum = 0;
  for (size_t i = 0; i < d; i++) sum += (double)dy[i] * weight[i] * x[i];
  float c = (float)(sum * inverse_rms * inverse_rms * inverse_rms / (double)d);
  for (size_t i = 0; i < d; i++) {
    float g = dy[i] * weight[i] * inverse_rms - c * x[i];
    dx[i] = accumulate ? dx[i] + g : g;
  }
}

void qp_ref_rotate(float *y, const float *x, const float *cosine, const float *sine, size_t half, int inverse) {
  for (size_t i = 0; i < half; i++) {
    float a = x[i], b = x[i + half], s = inverse ? -sine[i] : sine[i];
    y[i] = a * cosine[i] - b * s;
    y[i + half] = b * cosine[i] + a * s;
  }
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

void qp_ref_swiglu(float *y, const float *gate, const float *up, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

void qp_ref_swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float g = gate[i], u = up[i], d = dy[i], s = sigmoid(g);
    dgate[i] = d * u * s * (1 + g * (1 - s));
    dup[i] = d * g * s;
  }
}
