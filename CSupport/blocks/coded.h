// IQ4_NL, IQ4_XS, MXFP4: codes of four bits that name one of sixteen levels. Layouts: ggml-common.h of llama.cpp.

static inline void NAME(levels16)(float *y, const uint8_t *codes, const int8_t *levels, float scale) {
  int8_t chosen[32];
#ifdef QP_LOOK_UP_BYTES
  QP_LOOK_UP_BYTES(chosen, codes, levels);  // the same for 32 codes at a time
#else
  for (int i = 0; i < 16; i++) chosen[i] = levels[codes[i] & 15], chosen[i + 16] = levels[codes[i] >> 4];
#endif
  for (int i = 0; i < 32; i++) y[i] = scale * (float)chosen[i];
}

static void NAME(iq4_nl)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  NAME(levels16)(y, x + 2, qp_iq4_levels, NAME(half_at)(x));
}

static void NAME(iq4_xs)(float *y, const uint8_t *x, size_t part) {
  int low = x[4 + part / 2] >> (part % 2 * 4) & 15, high = (x[2] | x[3] << 8) >> (2 * part) & 3;
  NAME(levels16)(y, x + 8 + 16 * part, qp_iq4_levels, NAME(half_at)(x) * (float)((low | high << 4) - 32));
}

static void NAME(mxfp4)(float *y, const uint8_t *x, size_t part) {
  (void)part;
  // Half of 2^(e - 127): the levels are doubled to be whole.
  uint32_t bits = x[0] < 2 ? 0x00200000u << x[0] : (uint32_t)(x[0] - 1) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  NAME(levels16)(y, x + 1, qp_mxfp4_levels, scale);
}
