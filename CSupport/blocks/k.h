// Q2_K ... Q6_K: blocks of 256 numbers; runs of 16 or 32 have small scales under one float16.

static inline qp_i8x32 NAME(q2_k_codes)(const uint8_t *x, size_t part) {
  return (qp_i8x32)(NAME(load32)(x + 16 + part / 4 * 32) >> (uint8_t)(part % 4 * 2) & 3);
}

static inline qp_i8x32 NAME(q3_k_codes)(const uint8_t *x, size_t part) {
  qp_u8x32 low = NAME(load32)(x + 32 + part / 4 * 32) >> (uint8_t)(part % 4 * 2) & 3;
  return (qp_i8x32)(low | (NAME(load32)(x) >> (uint8_t)part & 1) << 2);
}

static inline qp_i8x32 NAME(q4_k_codes)(const uint8_t *x, size_t part) {
  return (qp_i8x32)(NAME(load32)(x + 16 + part / 2 * 32) >> (uint8_t)(part % 2 * 4) & 15);
}

static inline qp_i8x32 NAME(q5_k_codes)(const uint8_t *x, size_t part) {
  qp_u8x32 low = NAME(load32)(x + 48 + part / 2 * 32) >> (uint8_t)(part % 2 * 4) & 15;
  return (qp_i8x32)(low | (NAME(load32)(x + 16) >> (uint8_t)part & 1) << 4);
}

static inline qp_i8x32 NAME(q6_k_codes)(const uint8_t *x, size_t part) {
  qp_u8x32 low = NAME(load32)(x + part / 4 * 64 + part % 2 * 32) >> (uint8_t)(part / 2 % 2 * 4) & 15;
  qp_u8x32 high = NAME(load32)(x + 128 + part / 4 * 32) >> (uint8_t)(part % 4 * 2) & 3;
  return (qp_i8x32)(low | high << 4);
}

static inline void NAME(put16)(float *y, qp_i8x16 numbers, float scale) {
  qp_f32x16 all = __builtin_convertvector(numbers, qp_f32x16) * scale;
  memcpy(y, &all, sizeof all);
}

static inline void NAME(q2_k_scales)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)bytes, (void)blocks;
  qp_u8x16 both;
  memcpy(&both, x, sizeof both);
  NAME(put16)(scales, (qp_i8x16)(both & 15), NAME(half)(x + 80));
  NAME(put16)(offsets, (qp_i8x16)(both >> 4), -NAME(half)(x + 82));
}

// Sixteen scales of six bits: four in the halves of the first eight bytes, two in the last four bytes.
static inline void NAME(q3_k_scales)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)offsets, (void)bytes, (void)blocks;
  uint32_t a = NAME(word)(x + 96), b = NAME(word)(x + 100), c = NAME(word)(x + 104);
  uint32_t words[4];
  for (int i = 0; i < 4; i++) words[i] = ((i % 2 ? b : a) >> (i / 2 * 4) & 0x0f0f0f0f) | (c >> (2 * i) & 0x03030303) << 4;
  qp_u8x16 all;
  memcpy(&all, words, sizeof all);
  NAME(put16)(scales, (qp_i8x16)(all - 32), NAME(half)(x + 108));
}

// Eight scales and eight offsets of six bits in twelve bytes.
static inline void NAME(q4_k_scales)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)bytes, (void)blocks;
  uint32_t a = NAME(word)(x + 4), b = NAME(word)(x + 8), c = NAME(word)(x + 12);
  uint32_t words[4] = {a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | (a >> 6 & 0x03030303) << 4, b & 0x3f3f3f3f,
                       (c >> 4 & 0x0f0f0f0f) | (b >> 6 & 0x03030303) << 4};
  qp_i8x16 all;
  memcpy(&all, words, sizeof all);
  qp_f32x16 numbers = __builtin_convertvector(all, qp_f32x16);
  qp_f32x8 first = __builtin_shufflevector(numbers, numbers, 0, 1, 2, 3, 4, 5, 6, 7) * NAME(half)(x);
  qp_f32x8 second = __builtin_shufflevector(numbers, numbers, 8, 9, 10, 11, 12, 13, 14, 15) * -NAME(half)(x + 2);
  memcpy(scales, &first, sizeof first), memcpy(offsets, &second, sizeof second);
}

static inline void NAME(q6_k_scales)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)offsets, (void)bytes, (void)blocks;
  qp_i8x16 all;
  memcpy(&all, x + 192, sizeof all);
  NAME(put16)(scales, all, NAME(half)(x + 208));
}
