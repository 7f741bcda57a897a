/// Leaves over rows, against the formulas in double. A bound counts the roundings of a float32 evaluation.
#include "check.h"

static const size_t counts[] = {1, 2, 3, 15, 16, 17, 64, 130, 577, 1025};
enum { COUNTS = sizeof counts / sizeof *counts };

/// Roundings of exp(scale * x - shift): two of the argument, each by its size, and two of the function itself.
static double exp_bound(double value, double product, double shift) {
  return value * EPS * (3 + fabs(product) + fabs(product - shift)) * 1.01 + TINY;
}

static void softmax(const qp_kernel_set *set, size_t count) {
  float *x = random_floats(count, 12), scale = 0.7f, most = set->row_max(x, count), expected = x[0];
  for (size_t i = 1; i < count; i++) expected = x[i] > expected ? x[i] : expected;
  same("row_max", &most, &expected, sizeof most);

  float shift = most * scale;
  double *exact = room_doubles(count), *bound = room_doubles(count), sum = 0, sum_bound = 0;
  for (size_t i = 0; i < count; i++) {
    double product = (double)scale * x[i];
    exact[i] = exp(product - shift), bound[i] = exp_bound(exact[i], product, shift);
    sum += exact[i], sum_bound += bound[i];
  }
  sum_bound += sum * EPS * 512;  // floats within 512, doubles between
  float *y = room_floats(count);
  double alone = set->exp_sum(NULL, x, scale, shift, count), both = set->exp_sum(y, x, scale, shift, count);
  within("exp_sum's numbers", y, exact, bound, count);
  holds("exp_sum's sum", fabs(alone - sum) <= sum_bound && fabs(both - sum) <= sum_bound);
  float *in_place = copy_of(x, count * sizeof(float));
  set->exp_sum(in_place, in_place, scale, shift, count);
  same("exp_sum in place", in_place, y, count * sizeof(float));

  float *s = copy_of(x, count * sizeof(float)), *ds = random_floats(count, 1), delta = 0.3f;
  double *gradient = room_doubles(count), *gradient_bound = room_doubles(count);
  for (size_t i = 0; i < count; i++) {
    double difference = (double)ds[i] - delta;
    gradient[i] = exact[i] * difference * scale;
    gradient_bound[i] = (bound[i] * fabs(difference) + 4 * EPS * exact[i] * (fabs(ds[i]) + delta)) * scale + TINY;
  }
  set->softmax_backward(s, ds, scale, shift, delta, count);
  within("softmax_backward's p", s, exact, bound, count);
  within("softmax_backward's ds", ds, gradient, gradient_bound, count);
}

static void norms(const qp_kernel_set *set, size_t d) {
  float *x = random_floats(d, 1), *w = random_floats(d, 1), *dy = random_floats(d, 1), *before = random_floats(d, 1);
  float *y = room_floats(d), eps = 1e-5f;
  double squares = 0, along = 0, along_size = 0, *exact = room_doubles(d), *bound = room_doubles(d);
  for (size_t i = 0; i < d; i++) {
    double term = (double)dy[i] * w[i] * x[i];
    squares += (double)x[i] * x[i], along += term, along_size += fabs(term);
  }
  double r = 1 / sqrt(squares / (double)d + eps);
  float inverse = set->rms_norm(y, x, w, eps, d);
  holds("rms_norm's inverse", fabs(inverse - r) <= 2 * EPS * r);
  for (size_t i = 0; i < d; i++) exact[i] = x[i] * r * w[i], bound[i] = 5 * EPS * fabs(exact[i]) + TINY;
  within("rms_norm", y, exact, bound, d);
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    float *dx = copy_of(before, d * sizeof(float));
    double c = along * r * r * r / (double)d, c_size = along_size * r * r * r / (double)d;
    for (size_t i = 0; i < d; i++) {
      double direct = (double)dy[i] * w[i] * r, start = accumulate ? before[i] : 0;
      exact[i] = start + direct - c * x[i];
      bound[i] = 10 * EPS * (fabs(direct) + c_size * fabs(x[i]) + fabs(start));
    }
    set->rms_norm_backward(dx, dy, x, inverse, w, d, accumulate);
    within("rms_norm_backward", dx, exact, bound, d);
  }
}

static void rotation(const qp_kernel_set *set, size_t half) {
  float *x = random_floats(2 * half, 1), *cosine = random_floats(half, 1), *sine = random_floats(half, 1);
  for (int inverse = 0; inverse < 2; inverse++) {
    float *y = room_floats(2 * half);
    double *exact = room_doubles(2 * half), *bound = room_doubles(2 * half);
    for (size_t i = 0; i < half; i++) {
      double a = x[i], b = x[i + half], c = cosine[i], s = inverse ? -sine[i] : sine[i];
      exact[i] = a * c - b * s, exact[i + half] = b * c + a * s;
      bound[i] = 3 * EPS * (fabs(a * c) + fabs(b * s)), bound[i + half] = 3 * EPS * (fabs(b * c) + fabs(a * s));
    }
    set->rotate(y, x, cosine, sine, half, inverse);
    within("rotate", y, exact, bound, 2 * half);
  }
}

static void gated(const qp_kernel_set *set, size_t count) {
  static const float odd[] = {0, 1e-30f, -1e-30f, 80, -80, 1000, -1000, INFINITY};
  float *gate = random_floats(count, 20), *up = random_floats(count, 1), *dy = random_floats(count, 1);
  for (size_t i = 0; i < sizeof odd / sizeof *odd && i + 1 < count; i++) gate[i] = odd[i];
  float *y = room_floats(count), *dgate = room_floats(count), *dup = copy_of(up, count * sizeof(float));
  double *exact = room_doubles(count), *bound = room_doubles(count);
  double *exact_gate = room_doubles(count), *gate_bound = room_doubles(count), *exact_up = room_doubles(count);
  double *up_bound = room_doubles(count);
  for (size_t i = 0; i < count; i++) {
    double g = gate[i], s = 1 / (1 + exp(-g)), silu = g * s;
    exact[i] = silu * up[i], bound[i] = 8 * EPS * fabs(exact[i]) + 1e-37;
    exact_up[i] = silu * dy[i], up_bound[i] = 8 * EPS * fabs(exact_up[i]) + 1e-37;
    exact_gate[i] = (double)dy[i] * up[i] * s * (1 + g * (1 - s));
    gate_bound[i] = 16 * EPS * fabs((double)dy[i] * up[i]) * (1 + fabs(g)) + 1e-37;
  }
  set->swiglu(y, gate, up, count);
  within("swiglu", y, exact, bound, count);
  set->swiglu_backward(dgate, dup, dy, gate, dup, count);  // dup may be up
  within("swiglu_backward's dup", dup, exact_up, up_bound, count);
  within("swiglu_backward's dgate", dgate, exact_gate, gate_bound, count);
}

void test_rows(const qp_kernel_set *set) {
  for (size_t c = 0; c < COUNTS; c++) {
    at("rows of %zu", counts[c]);
    softmax(set, counts[c]);
    norms(set, counts[c]);
    rotation(set, counts[c]);
    gated(set, counts[c]);
    clear();
  }
  at("exp_sum of a NaN");
  float *x = random_floats(19, 1), *y = room_floats(19);
  x[17] = NAN;
  double sum = set->exp_sum(y, x, 1, 0, 19);
  holds("NaN stays", sum != sum && y[17] != y[17] && y[16] == y[16]);
  clear();
}
