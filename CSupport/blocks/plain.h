// Q4_0 ... Q8_0: blocks of 32 numbers under one scale, some with an offset.

static inline qp_u8x32 NAME(load32)(const uint8_t *x) {
  qp_u8x32 v;
  memcpy(&v, x, sizeof v);
  return v;
}

static inline uint32_t NAME(word)(const uint8_t *x) {
  uint32_t v;
  memcpy(&v, x, sizeof v);
  return v;
}

static inline float NAME(half)(const uint8_t *x) {
  _Float16 v;
  memcpy(&v, x, sizeof v);
  return (float)v;
}

/// The low four bits of sixteen bytes, then the high ones.
static inline qp_u8x32 NAME(nibbles)(const uint8_t *x) {
  qp_u8x16 v;
  memcpy(&v, x, sizeof v);
  return __builtin_shufflevector(v & 15, v >> 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
                                 25, 26, 27, 28, 29, 30, 31);
}

/// 16 where a bit of the four bytes is set, else 0.
static inline qp_u8x32 NAME(fifth_bits)(const uint8_t *x) {
  qp_u32x8 all = (qp_u32x8){} + NAME(word)(x);
  qp_u8x32 bytes = (qp_u8x32)all, bits = (qp_u8x32)((qp_u32x8){0x08040201, 0x80402010, 0x08040201, 0x80402010, 0x08040201, 0x80402010,
                                                              0x08040201, 0x80402010});
  bytes = __builtin_shufflevector(bytes, bytes, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19,
                                  19, 19, 19, 19, 19);
  return (qp_u8x32)((bytes & bits) == bits) & 16;
}

static inline qp_i8x32 NAME(q4_0_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return (qp_i8x32)NAME(nibbles)(x + 2);
}

static inline qp_i8x32 NAME(q4_1_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return (qp_i8x32)NAME(nibbles)(x + 4);
}

static inline qp_i8x32 NAME(q5_0_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return (qp_i8x32)(NAME(nibbles)(x + 6) | NAME(fifth_bits)(x + 2));
}

static inline qp_i8x32 NAME(q5_1_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return (qp_i8x32)(NAME(nibbles)(x + 8) | NAME(fifth_bits)(x + 4));
}

static inline qp_i8x32 NAME(q8_0_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return (qp_i8x32)NAME(load32)(x + 2);
}

/// The float16 at the same place of `blocks` blocks, 1 or 8.
static inline void NAME(halves)(float *to, const uint8_t *x, size_t bytes, size_t blocks) {
  if (blocks == 1) {
    to[0] = NAME(half)(x);
    return;
  }
  uint16_t gathered[8];  // in a register: a load of what has just been stored in pieces would wait for it
  for (size_t i = 0; i < 8; i++) memcpy(gathered + i, x + i * bytes, sizeof gathered[0]);
  qp_f16x8 numbers;
  memcpy(&numbers, gathered, sizeof numbers);
  qp_f32x8 all = __builtin_convertvector(numbers, qp_f32x8);
  memcpy(to, &all, sizeof all);
}

static inline void NAME(one_scale)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)offsets;
  NAME(halves)(scales, x, bytes, blocks);
}

static inline void NAME(scale_and_offset)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  NAME(halves)(scales, x, bytes, blocks);
  NAME(halves)(offsets, x + 2, bytes, blocks);
}
