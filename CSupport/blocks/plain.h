// Q4_0 ... Q8_0: blocks of 32 numbers under one scale, some with an offset. Layouts: ggml-common.h of llama.cpp.

static void NAME(q4_0)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = NAME(half_at)(x);
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)((x[2 + i] & 15) - 8);
    y[i + 16] = d * (float)((x[2 + i] >> 4) - 8);
  }
}

static void NAME(q4_1)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = NAME(half_at)(x), m = NAME(half_at)(x + 2);
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)(x[4 + i] & 15) + m;
    y[i + 16] = d * (float)(x[4 + i] >> 4) + m;
  }
}

/// 32 bits, the first number's lowest.
static inline uint32_t NAME(bits32)(const uint8_t *x) {
  return (uint32_t)x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
}

static void NAME(q5_0)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = NAME(half_at)(x);
  uint32_t bits = NAME(bits32)(x + 2);
  for (int i = 0; i < 16; i++) y[i] = d * (float)((int)((x[6 + i] & 15u) | (bits >> i & 1) << 4) - 16);
  for (int i = 0; i < 16; i++) y[i + 16] = d * (float)((int)(x[6 + i] >> 4 | (bits >> (i + 16) & 1) << 4) - 16);
}

static void NAME(q5_1)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = NAME(half_at)(x), m = NAME(half_at)(x + 2);
  uint32_t bits = NAME(bits32)(x + 4);
  for (int i = 0; i < 16; i++) y[i] = d * (float)(int)((x[8 + i] & 15u) | (bits >> i & 1) << 4) + m;
  for (int i = 0; i < 16; i++) y[i + 16] = d * (float)(int)(x[8 + i] >> 4 | (bits >> (i + 16) & 1) << 4) + m;
}

static void NAME(q8_0)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  float d = NAME(half_at)(x);
  for (int i = 0; i < 32; i++) y[i] = d * (float)(int8_t)x[2 + i];
}
