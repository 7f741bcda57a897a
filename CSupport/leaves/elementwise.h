// Leaves over rows and vectors, written once as plain loops and vectors of 16 lanes; each instruction set includes this text
// between its target pragmas and gets its own copy. NAME(x) adds the suffix of the set.
#include <math.h>
#include <string.h>

#include "dispatch/kernel_set.h"

typedef float lanes __attribute__((ext_vector_type(16), aligned(4)));
typedef uint32_t word_lanes __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t whole_lanes __attribute__((ext_vector_type(16), aligned(4)));
typedef float whole_line __attribute__((ext_vector_type(16)));
typedef float lanes8 __attribute__((ext_vector_type(8)));
typedef float lanes4 __attribute__((ext_vector_type(4)));

// exp to about 1 ulp: 2^n times a polynomial on [-ln2/2, ln2/2]; overflows to infinity, falls through denormals to zero, NaN
// stays NaN. The rounding constant 1.5 * 2^23 must not be reassociated: this function stands outside of fast regions.
static inline void NAME(exp)(lanes *values) {
  lanes x = *values;
  x = x < -104.0f ? (lanes)(-104.0f) : x;
  x = x > 89.0f ? (lanes)(89.0f) : x;
  lanes t = x * 0x1.715476p+0f + 0x1.8p23f;
  whole_lanes bits = __builtin_bit_cast(whole_lanes, t);
  lanes n = t - 0x1.8p23f;
  lanes r = x - n * 0x1.62e4p-1f;
  r = r - n * 0x1.7f7d1cp-20f;
  lanes p = 0x1.a01a02p-13f;
  p = p * r + 0x1.6c16c2p-10f;
  p = p * r + 0x1.111112p-7f;
  p = p * r + 0x1.555556p-5f;
  p = p * r + 0x1.555556p-3f;
  p = p * r + 0.5f;
  p = p * (r * r) + r;
  p = p + 1.0f;
  whole_lanes e = bits - 0x4b400000, half = e >> 1;  // of a NaN anything: the polynomial is NaN already
  word_lanes a = __builtin_bit_cast(word_lanes, half + 127) << 23, b = __builtin_bit_cast(word_lanes, e - half + 127) << 23;
  *values = p * __builtin_bit_cast(lanes, a) * __builtin_bit_cast(lanes, b);
}

static inline float NAME(sum_of_lanes)(const lanes *v) {
  lanes8 a = v->lo + v->hi;
  lanes4 b = a.lo + a.hi;
  return (b.x + b.z) + (b.y + b.w);
}

static float NAME(max_abs)(const float *x, size_t count) {
  uint32_t most = 0;  // sizes compare as integers, and every NaN is above infinity
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    bits &= 0x7fffffff;
    most = bits > most ? bits : most;
  }
  float size;
  memcpy(&size, &most, 4);
  return size;
}

static void NAME(encode_q4)(uint8_t *codes, const float *x, float inverse, const qp_q4_rule *rule, size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    lanes v = *(const lanes *)(x + i) * inverse;
    v = v < -1.0f ? (lanes)(-1.0f) : v;
    v = v > 1.0f ? (lanes)(1.0f) : v;
    word_lanes below = 0;
    for (int b = 0; b < 15; b++) below -= (word_lanes) !((lanes)(rule->bounds[b]) >= v);
    for (int j = 0; j < 16; j += 2) codes[(i + j) / 2] = (uint8_t)(rule->order[below[j]] << 4 | rule->order[below[j + 1]]);
  }
  if (i < count) {
    float rest[16] = {0};
    uint8_t packed[8];
    memcpy(rest, x + i, (count - i) * sizeof(float));
    NAME(encode_q4)(packed, rest, inverse, rule, 16);
    memcpy(codes + i / 2, packed, (count - i) / 2);
  }
}

static void NAME(decode_bf16)(float *y, const uint16_t *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(y + i, &bits, 4);
  }
}

static void NAME(round_bf16)(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000, nan = (bits | 0x400000) & 0xffff0000;
    bits = (bits & 0x7fffffff) > 0x7f800000 ? nan : rounded;
    memcpy(x + i, &bits, 4);
  }
}

static void NAME(encode_i16)(int16_t *y, const float *x, float inverse, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    float scaled = x[i] * inverse;
    scaled += 0x1.8p23f;  // the number ends the bits of the sum
    memcpy(&bits, &scaled, 4);
    y[i] = (int16_t)(bits - 0x4b400000);
  }
}

static void NAME(encode_f16)(uint16_t *y, const float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits, size;
    memcpy(&bits, x + i, 4);
    size = bits & 0x7fffffff;
    int is_nan = size > 0x7f800000;
    size = size > 0x477fe000 ? 0x477fe000 : size;  // 65504
    // Below 2^-14 a multiple of 2^-24: beside 1/2 that multiple, rounded, is what the last bits count.
    float magnitude;
    memcpy(&magnitude, &size, 4);
    magnitude += 0.5f;
    uint32_t small, other = (size + 0xfff + (size >> 13 & 1) - ((127 - 15) << 23)) >> 13;
    memcpy(&small, &magnitude, 4);
    small -= 0x3f000000;
    y[i] = (uint16_t)((bits >> 16 & 0x8000) | (is_nan ? 0x7e00 : size < 0x38800000 ? small : other));
  }
}

// Rows end with a vector that lies over the last one, so that nothing is done number by number: the same result is written twice.
static float NAME(row_max)(const float *x, size_t count) {
  float most = -INFINITY;
  if (count < 16) {
    for (size_t i = 0; i < count; i++) most = x[i] > most ? x[i] : most;
    return most;
  }
  lanes m = *(const lanes *)(x + count - 16);
  for (size_t i = 0; i + 16 <= count; i += 16) {
    lanes v = *(const lanes *)(x + i);
    m = v > m ? v : m;
  }
  lanes8 a = m.lo > m.hi ? m.lo : m.hi;
  lanes4 b = a.lo > a.hi ? a.lo : a.hi;
  for (int j = 0; j < 4; j++) most = b[j] > most ? b[j] : most;
  return most;
}

static double NAME(exp_sum)(float *y, const float *x, float scale, float shift, size_t count) {
  double sum = 0;
  if (count < 16) {
    lanes few = shift;
    for (size_t j = 0; j < count; j++) few[j] = scale * x[j] - shift;
    NAME(exp)(&few);
    for (size_t j = 0; j < count; j++) {
      if (y) y[j] = few[j];
      sum += (double)few[j];
    }
    return sum;
  }
  lanes last = scale * *(const lanes *)(x + count - 16) - shift;  // before it is written, since y may be x
  size_t whole = count / 16 * 16;
  for (size_t i = 0; i < whole;) {
    lanes part = 0;
    for (size_t end = whole - i < 512 ? whole : i + 512; i < end; i += 16) {
      lanes e = scale * *(const lanes *)(x + i) - shift;
      NAME(exp)(&e);
      if (y) *(lanes *)(y + i) = e;
      part += e;
    }
    sum += (double)NAME(sum_of_lanes)(&part);
  }
  if (whole < count) {
    NAME(exp)(&last);
    if (y) *(lanes *)(y + count - 16) = last;
    for (size_t j = whole + 16 - count; j < 16; j++) sum += (double)last[j];
  }
  return sum;
}

static inline void NAME(softmax_backward_of)(lanes *s, lanes *ds, float scale, float lse, float delta) {
  *s = scale * *s - lse;
  NAME(exp)(s);
  *ds = *s * (*ds - delta) * scale;
}

static void NAME(softmax_backward)(float *restrict s, float *restrict ds, float scale, float lse, float delta,
                                   size_t count) {
  if (count < 16) {
    float few[2][16] = {{0}};
    memcpy(few[0], s, count * sizeof(float)), memcpy(few[1], ds, count * sizeof(float));
    NAME(softmax_backward_of)((lanes *)few[0], (lanes *)few[1], scale, lse, delta);
    memcpy(s, few[0], count * sizeof(float)), memcpy(ds, few[1], count * sizeof(float));
    return;
  }
  lanes *end = (lanes *)(s + count - 16), *end_ds = (lanes *)(ds + count - 16), last = *end, last_ds = *end_ds;
  for (size_t i = 0; i + 16 <= count; i += 16)
    NAME(softmax_backward_of)((lanes *)(s + i), (lanes *)(ds + i), scale, lse, delta);
  NAME(softmax_backward_of)(&last, &last_ds, scale, lse, delta);
  *end = last, *end_ds = last_ds;
}

static double NAME(dot)(const float *a, const float *b, size_t count) {
#pragma clang fp reassociate(on)
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
  return sum;
}

static float NAME(rms_norm)(float *restrict y, const float *restrict x, const float *restrict weight, float eps, size_t d) {
  float inverse = (float)(1 / sqrt(NAME(dot)(x, x, d) / (double)d + eps));
  for (size_t i = 0; i < d; i++) y[i] = x[i] * inverse * weight[i];
  return inverse;
}

// Σ a b c: floats within 512 terms, doubles between.
static double NAME(dot3)(const float *a, const float *b, const float *c, size_t count) {
  double sum = 0;
  size_t i = 0;
  while (i + 16 <= count) {
    lanes part = 0;
    for (size_t end = count - i < 512 ? count : i + 512; i + 16 <= end; i += 16)
      part += *(const lanes *)(a + i) * *(const lanes *)(b + i) * *(const lanes *)(c + i);
    sum += (double)NAME(sum_of_lanes)(&part);
  }
  for (; i < count; i++) sum += (double)(a[i] * b[i] * c[i]);
  return sum;
}

static void NAME(rms_norm_backward)(float *restrict dx, const float *restrict dy, const float *restrict x,
                                    float inverse_rms, const float *restrict weight, size_t d, int accumulate) {
  double sum = NAME(dot3)(dy, weight, x, d);
  float c = (float)(sum * inverse_rms * inverse_rms * inverse_rms / (double)d);
  if (accumulate)
    for (size_t i = 0; i < d; i++) dx[i] += dy[i] * weight[i] * inverse_rms - c * x[i];
  else
    for (size_t i = 0; i < d; i++) dx[i] = dy[i] * weight[i] * inverse_rms - c * x[i];
}

static void NAME(rotate)(float *restrict y, const float *restrict x, const float *restrict cosine, const float *restrict sine,
                         size_t half, int inverse) {
  float sign = inverse ? -1 : 1;
  float *restrict z = y + half;
  for (size_t i = 0; i < half; i++) {
    float a = x[i], b = x[i + half], s = sign * sine[i];
    y[i] = a * cosine[i] - b * s;
    z[i] = b * cosine[i] + a * s;
  }
}

static inline void NAME(sigmoid)(lanes *x) {
  *x = -*x;
  NAME(exp)(x);
  *x = 1 / (1 + *x);
}

static void NAME(swiglu)(float *y, const float *gate, const float *up, size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    lanes g = *(const lanes *)(gate + i), s = g;
    NAME(sigmoid)(&s);
    *(lanes *)(y + i) = g * s * *(const lanes *)(up + i);
  }
  if (i < count) {
    float rest[3][16] = {{0}};
    size_t bytes = (count - i) * sizeof(float);
    memcpy(rest[1], gate + i, bytes), memcpy(rest[2], up + i, bytes);
    NAME(swiglu)(rest[0], rest[1], rest[2], 16);
    memcpy(y + i, rest[0], bytes);
  }
}

// An output may be the input of the same index, never of another.
static void NAME(swiglu_backward)(float *dgate, float *dup, const float *dy, const float *gate, const float *up,
                                  size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    lanes g = *(const lanes *)(gate + i), u = *(const lanes *)(up + i), d = *(const lanes *)(dy + i), s = g;
    NAME(sigmoid)(&s);
    *(lanes *)(dgate + i) = d * u * s * (1 + g * (1 - s));
    *(lanes *)(dup + i) = d * g * s;
  }
  if (i < count) {
    float rest[5][16] = {{0}};
    size_t bytes = (count - i) * sizeof(float);
    memcpy(rest[2], dy + i, bytes), memcpy(rest[3], gate + i, bytes), memcpy(rest[4], up + i, bytes);
    NAME(swiglu_backward)(rest[0], rest[1], rest[2], rest[3], rest[4], 16);
    memcpy(dgate + i, rest[0], bytes), memcpy(dup + i, rest[1], bytes);
  }
}

static void NAME(write_past)(float *y, const float *x, size_t count) {
  size_t i = (64 - (uintptr_t)y % 64) % 64 / sizeof(float);
  if (i > count) i = count;
  memcpy(y, x, i * sizeof(float));
  for (; i + 16 <= count; i += 16) __builtin_nontemporal_store(*(const lanes *)(x + i), (whole_line *)(y + i));
  memcpy(y + i, x + i, (count - i) * sizeof(float));
}

static void NAME(add)(float *y, const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}

static void NAME(axpy)(float *y, const float *x, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] += scale * x[i];
}

static void NAME(scale)(float *y, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] *= scale;
}

static void NAME(multiply)(float *y, const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i] * b[i];
}

static void NAME(multiply_add)(float *y, const float *a, const float *b, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] += a[i] * b[i] * scale;
}

static void NAME(adamw)(float *restrict p, float *restrict m, float *restrict v, const float *restrict gradient,
                        const float *constants, size_t count) {
  const float scale = constants[QP_ADAM_GRADIENT_SCALE], decay = constants[QP_ADAM_DECAY];
  const float rest1 = constants[QP_ADAM_BETA1_REST], beta2 = constants[QP_ADAM_BETA2], rest2 = constants[QP_ADAM_BETA2_REST];
  const float step = constants[QP_ADAM_STEP], inverse_root = constants[QP_ADAM_INVERSE_ROOT], eps = constants[QP_ADAM_EPS];
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * scale;
    m[i] += (g - m[i]) * rest1;
    v[i] = v[i] * beta2 + g * g * rest2;
    p[i] = p[i] * decay - step * (m[i] / (__builtin_elementwise_sqrt(v[i]) * inverse_root + eps));
  }
}

static void NAME(lion)(float *restrict p, float *restrict m, const float *restrict gradient, const float *constants,
                       size_t count) {
  const float scale = constants[QP_LION_GRADIENT_SCALE], decay = constants[QP_LION_DECAY], rate = constants[QP_LION_RATE];
  const float beta1 = constants[QP_LION_BETA1], rest1 = constants[QP_LION_BETA1_REST];
  const float beta2 = constants[QP_LION_BETA2], rest2 = constants[QP_LION_BETA2_REST];
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * scale, direction = m[i] * beta1 + g * rest1;
    float sign = (direction > 0 ? 1.0f : 0.0f) - (direction < 0 ? 1.0f : 0.0f);
    p[i] = p[i] * decay - rate * sign;
    m[i] = m[i] * beta2 + g * rest2;
  }
}

static void NAME(sgd)(float *restrict p, float *restrict m, const float *restrict gradient, const float *constants,
                      size_t count) {
  const float scale = constants[QP_SGD_GRADIENT_SCALE], decay = constants[QP_SGD_WEIGHT_DECAY];
  const float momentum = constants[QP_SGD_MOMENTUM], rate = constants[QP_SGD_RATE];
  const float gradient_part = constants[QP_SGD_GRADIENT_PART], moment_part = constants[QP_SGD_MOMENT_PART];
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * scale + p[i] * decay;
    m[i] = m[i] * momentum + g;
    p[i] -= rate * (g * gradient_part + m[i] * moment_part);
  }
}

static void NAME(adafactor)(float *restrict u, float *restrict v, const float *restrict gradient, const float *constants,
                            size_t count) {
  const float scale = constants[QP_ADAFACTOR_GRADIENT_SCALE], eps = constants[QP_ADAFACTOR_EPS];
  const float beta2 = constants[QP_ADAFACTOR_BETA2], rest2 = constants[QP_ADAFACTOR_BETA2_REST];
  for (size_t i = 0; i < count; i++) {
    float g = gradient[i] * scale;
    v[i] = v[i] * beta2 + (g * g + eps) * rest2;
    u[i] = g / __builtin_elementwise_sqrt(v[i]);
  }
}

// Sixteen blocks of Philox 4x32-10 side by side; out[4 * block + word]. As reference/philox.h, lane by lane.
static void NAME(philox16)(uint32_t out[64], uint64_t seed, uint64_t first, uint32_t step, uint32_t site) {
  uint32_t c0[16], c1[16], c2[16], c3[16];
  for (int i = 0; i < 16; i++) {
    c0[i] = (uint32_t)(first + i), c1[i] = step, c2[i] = site, c3[i] = (uint32_t)((first + i) >> 32);
  }
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < 16; i++) {
      uint64_t p0 = (uint64_t)0xD2511F53 * c0[i], p1 = (uint64_t)0xCD9E8D57 * c2[i];
      c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
      c1[i] = (uint32_t)p1;
      c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
      c3[i] = (uint32_t)p0;
    }
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  for (int i = 0; i < 16; i++) out[4 * i] = c0[i], out[4 * i + 1] = c1[i], out[4 * i + 2] = c2[i], out[4 * i + 3] = c3[i];
}

static void NAME(uniform)(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t first, size_t count) {
  uint32_t words[64];
  for (size_t i = 0; i < count;) {
    size_t block = (first + i) / 4, skip = (first + i) % 4, part = 64 - skip < count - i ? 64 - skip : count - i;
    NAME(philox16)(words, seed, block, step, site);
    for (size_t j = 0; j < part; j++) y[i + j] = (float)(int32_t)(words[skip + j] >> 8) * 0x1p-24f;
    i += part;
  }
}

static void NAME(dropout)(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t first,
                          size_t count) {
  float keep = 1 / (1 - p), drawn[64];
  for (size_t i = 0; i < count; i += 64) {
    size_t part = count - i < 64 ? count - i : 64;
    NAME(uniform)(drawn, seed, step, site, first + i, part);
    for (size_t j = 0; j < part; j++) y[i + j] = drawn[j] >= p ? x[i + j] * keep : 0;
  }
}
