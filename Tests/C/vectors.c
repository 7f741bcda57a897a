/// Leaves over vectors: the same bits as the scalar definition, or the roundings of the formula where products may be fused.
#include "check.h"

#include "reference/leaves.h"

static const size_t counts[] = {1, 2, 3, 15, 16, 17, 63, 64, 65, 1000};
enum { COUNTS = sizeof counts / sizeof *counts };

static void elementwise(const qp_kernel_set *set, size_t count) {
  size_t bytes = count * sizeof(float);
  float *a = random_floats(count, 1), *b = random_floats(count, 1), *c = random_floats(count, 1);
  float *found = room(bytes), *expected = room(bytes);
  set->add(found, a, b, count), qp_ref_add(expected, a, b, count);
  same("add", found, expected, bytes);
  set->multiply(found, a, b, count), qp_ref_multiply(expected, a, b, count);
  same("multiply", found, expected, bytes);
  memcpy(found, a, bytes), memcpy(expected, a, bytes);
  set->add(found, found, b, count), qp_ref_add(expected, expected, b, count);
  same("add in place", found, expected, bytes);
  memcpy(found, a, bytes), memcpy(expected, a, bytes);
  set->scale(found, 0.3f, count), qp_ref_scale(expected, 0.3f, count);
  same("scale", found, expected, bytes);

  for (size_t skip = 0; skip < count && skip < 17; skip++) {
    float *to = room_floats(count - skip);
    set->write_past(to, a + skip, count - skip);
    same("write_past", to, a + skip, (count - skip) * sizeof(float));
    memset(found, 0, bytes), memset(expected, 0, bytes);
    set->write_past(found + skip, a, count - skip), qp_ref_write_past(expected + skip, a, count - skip);
    same("write_past within a line", found, expected, bytes);
  }

  double *exact = room_doubles(count), *bound = room_doubles(count);
  for (size_t i = 0; i < count; i++) {
    double term = (double)b[i] * -0.7f;
    exact[i] = a[i] + term, bound[i] = 2 * EPS * (fabs(a[i]) + fabs(term));
  }
  memcpy(found, a, bytes), set->axpy(found, b, -0.7f, count);
  within("axpy", found, exact, bound, count);
  for (size_t i = 0; i < count; i++) {
    double term = (double)b[i] * c[i] * 0.9f;
    exact[i] = a[i] + term, bound[i] = 3 * EPS * (fabs(a[i]) + fabs(term));
  }
  memcpy(found, a, bytes), set->multiply_add(found, b, c, 0.9f, count);
  within("multiply_add", found, exact, bound, count);

  long double sum = 0, sizes = 0;
  for (size_t i = 0; i < count; i++) sum += (long double)a[i] * b[i], sizes += fabsl((long double)a[i] * b[i]);
  holds("dot", fabsl(set->dot(a, b, count) - sum) <= (long double)count * 0x1p-52L * sizes);
}

static void numbers(const qp_kernel_set *set, size_t count) {
  size_t bytes = count * sizeof(float);
  float *x = random_floats(count, 1), *found = room(bytes), *expected = room(bytes);
  // The last block index needs more than 32 bits.
  static const size_t firsts[] = {0, 1, 6, 64, 16383, ((size_t)1 << 34) - 5};
  for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
    set->uniform(found, 0x123456789ABCDEF0, 7, 9, firsts[f], count);
    qp_ref_uniform(expected, 0x123456789ABCDEF0, 7, 9, firsts[f], count);
    same("uniform", found, expected, bytes);
    set->dropout(found, x, 0.25f, 5, 6, 7, firsts[f], count);
    qp_ref_dropout(expected, x, 0.25f, 5, 6, 7, firsts[f], count);
    same("dropout", found, expected, bytes);
  }
}

static void adamw(const qp_kernel_set *set, size_t count) {
  static const float k[QP_ADAM_COUNT] = {[QP_ADAM_GRADIENT_SCALE] = 0.5f, [QP_ADAM_DECAY] = 0.999f,
      [QP_ADAM_BETA1_REST] = 0.1f, [QP_ADAM_BETA2] = 0.95f, [QP_ADAM_BETA2_REST] = 0.05f, [QP_ADAM_STEP] = 0.01f,
      [QP_ADAM_INVERSE_ROOT] = 1.7f, [QP_ADAM_EPS] = 1e-6f};
  float *p = random_floats(count, 1), *m = random_floats(count, 1), *v = random_floats(count, 1);
  const float *g = random_floats(count, 1);
  double *exact = room_doubles(3 * count), *bound = room_doubles(3 * count);
  for (size_t i = 0; i < count; i++) {
    v[i] = fabsf(v[i]) + 0.01f;
    double gi = (double)g[i] * k[QP_ADAM_GRADIENT_SCALE];
    double mi = m[i] + (gi - m[i]) * k[QP_ADAM_BETA1_REST];
    double vi = v[i] * (double)k[QP_ADAM_BETA2] + gi * gi * k[QP_ADAM_BETA2_REST];
    double step = k[QP_ADAM_STEP] * mi / (sqrt(vi) * k[QP_ADAM_INVERSE_ROOT] + k[QP_ADAM_EPS]);
    double m_bound = 4 * EPS * (fabs(m[i]) + fabs(gi));
    exact[i] = (double)p[i] * k[QP_ADAM_DECAY] - step;
    bound[i] = 3 * EPS * fabs(p[i]) + 10 * EPS * fabs(step) + fabs(m_bound * step / (mi ? mi : 1));
    exact[count + i] = mi, bound[count + i] = m_bound;
    exact[2 * count + i] = vi, bound[2 * count + i] = 5 * EPS * vi;
  }
  set->adamw(p, m, v, g, k, count);
  within("adamw's parameters", p, exact, bound, count);
  within("adamw's first moment", m, exact + count, bound + count, count);
  within("adamw's second moment", v, exact + 2 * count, bound + 2 * count, count);
}

static void other_steps(const qp_kernel_set *set, size_t count) {
  static const float lion[QP_LION_COUNT] = {[QP_LION_GRADIENT_SCALE] = 0.5f, [QP_LION_DECAY] = 0.999f, [QP_LION_BETA1] = 0.9f,
      [QP_LION_BETA1_REST] = 0.1f, [QP_LION_BETA2] = 0.99f, [QP_LION_BETA2_REST] = 0.01f, [QP_LION_RATE] = 0.01f};
  static const float sgd[QP_SGD_COUNT] = {[QP_SGD_GRADIENT_SCALE] = 0.5f, [QP_SGD_WEIGHT_DECAY] = 0.1f,
      [QP_SGD_MOMENTUM] = 0.9f, [QP_SGD_GRADIENT_PART] = 1, [QP_SGD_MOMENT_PART] = 0.9f, [QP_SGD_RATE] = 0.01f};
  static const float factor[QP_ADAFACTOR_COUNT] = {[QP_ADAFACTOR_GRADIENT_SCALE] = 0.5f, [QP_ADAFACTOR_BETA2] = 0.7f,
      [QP_ADAFACTOR_BETA2_REST] = 0.3f, [QP_ADAFACTOR_EPS] = 1e-30f};
  size_t bytes = count * sizeof(float);
  const float *p = random_floats(count, 1), *m = random_floats(count, 1), *g = random_floats(count, 1);
  float *new_p = room(bytes), *new_m = room(bytes);
  double *exact = room_doubles(2 * count), *bound = room_doubles(2 * count);

  memcpy(new_p, p, bytes), memcpy(new_m, m, bytes), set->lion(new_p, new_m, g, lion, count);
  for (size_t i = 0; i < count; i++) {
    double gi = (double)g[i] * lion[QP_LION_GRADIENT_SCALE];
    double direction = m[i] * (double)lion[QP_LION_BETA1] + gi * lion[QP_LION_BETA1_REST];
    exact[i] = (double)p[i] * lion[QP_LION_DECAY] - lion[QP_LION_RATE] * (double)((direction > 0) - (direction < 0));
    // Where the sum is all but zero, either sign is right.
    bound[i] = 3 * EPS + (fabs(direction) < 4 * EPS ? 2 * lion[QP_LION_RATE] : 0);
    exact[count + i] = m[i] * (double)lion[QP_LION_BETA2] + gi * lion[QP_LION_BETA2_REST], bound[count + i] = 3 * EPS;
  }
  within("lion's parameters", new_p, exact, bound, count);
  within("lion's moment", new_m, exact + count, bound + count, count);

  memcpy(new_p, p, bytes), memcpy(new_m, m, bytes), set->sgd(new_p, new_m, g, sgd, count);
  for (size_t i = 0; i < count; i++) {
    double gi = (double)g[i] * sgd[QP_SGD_GRADIENT_SCALE] + (double)p[i] * sgd[QP_SGD_WEIGHT_DECAY];
    double mi = m[i] * (double)sgd[QP_SGD_MOMENTUM] + gi;
    exact[i] = p[i] - sgd[QP_SGD_RATE] * (gi * sgd[QP_SGD_GRADIENT_PART] + mi * sgd[QP_SGD_MOMENT_PART]);
    exact[count + i] = mi, bound[i] = bound[count + i] = 6 * EPS;
  }
  within("sgd's parameters", new_p, exact, bound, count);
  within("sgd's moment", new_m, exact + count, bound + count, count);

  for (size_t i = 0; i < count; i++) new_m[i] = fabsf(m[i]) + 0.01f;
  for (size_t i = 0; i < count; i++) {
    double gi = (double)g[i] * factor[QP_ADAFACTOR_GRADIENT_SCALE];
    double vi = new_m[i] * (double)factor[QP_ADAFACTOR_BETA2] + (gi * gi + 1e-30) * factor[QP_ADAFACTOR_BETA2_REST];
    exact[i] = gi / sqrt(vi), bound[i] = 6 * EPS * fabs(exact[i]) + TINY;
    exact[count + i] = vi, bound[count + i] = 5 * EPS * vi;
  }
  set->adafactor(new_p, new_m, g, factor, count);
  within("adafactor's update", new_p, exact, bound, count);
  within("adafactor's moment", new_m, exact + count, bound + count, count);
}

void test_vectors(const qp_kernel_set *set) {
  for (size_t c = 0; c < COUNTS; c++) {
    at("vectors of %zu", counts[c]);
    elementwise(set, counts[c]);
    numbers(set, counts[c]);
    adamw(set, counts[c]);
    other_steps(set, counts[c]);
    clear();
  }
}
