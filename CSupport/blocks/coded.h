// IQ4_NL, IQ4_XS, MXFP4: codes of four bits that name one of sixteen levels.

static inline qp_i8x32 NAME(iq4_nl_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return QP_LOOK_UP(qp_iq4_levels, NAME(nibbles)(x + 2));
}

static inline qp_i8x32 NAME(iq4_xs_codes)(const uint8_t *x, size_t part) {
  return QP_LOOK_UP(qp_iq4_levels, NAME(nibbles)(x + 8 + 16 * part));
}

static inline qp_i8x32 NAME(mxfp4_codes)(const uint8_t *x, size_t part) {
  (void)part;
  return QP_LOOK_UP(qp_mxfp4_levels, NAME(nibbles)(x + 1));
}

// Eight scales of six bits: the low four lie in four bytes, the high two in two.
static inline void NAME(iq4_xs_scales)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)offsets, (void)bytes, (void)blocks;
  qp_i32x8 low = (qp_i32x8){} + (int32_t)NAME(word)(x + 4), high = (qp_i32x8){} + (x[2] | x[3] << 8);
  low = low >> (qp_i32x8){0, 4, 8, 12, 16, 20, 24, 28} & 15;
  high = high >> (qp_i32x8){0, 2, 4, 6, 8, 10, 12, 14} & 3;
  qp_f32x8 all = __builtin_convertvector((low | high << 4) - 32, qp_f32x8) * NAME(half)(x);
  memcpy(scales, &all, sizeof all);
}

// Half of 2^(e - 127): the levels are doubled to be whole.
static inline void NAME(mxfp4_scales)(float *scales, float *offsets, const uint8_t *x, size_t bytes, size_t blocks) {
  (void)offsets;
  for (size_t i = 0; i < blocks; i++, x += bytes) {
    uint32_t bits = x[0] < 2 ? 0x00200000u << x[0] : (uint32_t)(x[0] - 1) << 23;
    memcpy(scales + i, &bits, sizeof bits);
  }
}
