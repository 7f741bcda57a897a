/// Matrices in every storage, decoded by the plain formula of each.
#include "check.h"

static float of_half(uint16_t half) {
  int exponent = half >> 10 & 31;
  float size = exponent ? ldexpf(1 + (float)(half & 1023) / 1024, exponent - 15) : (float)(half & 1023) * 0x1p-24f;
  return half & 0x8000 ? -size : size;
}

static float of_bfloat(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

static void dense_halves(test_matrix *m, float *dense, size_t count) {
  uint16_t *values = room(count * sizeof(uint16_t));
  for (size_t i = 0; i < count; i++) {
    if (m->view.storage == QP_F16) {
      values[i] = next() & 0xBFFF;  // below 2, denormals among them
      dense[i] = of_half(values[i]);
    } else {
      float x = (float)(next() >> 40) * 0x1p-23f - 1;
      uint32_t bits;
      memcpy(&bits, &x, 4);
      values[i] = (uint16_t)(bits >> 16);
      dense[i] = of_bfloat(values[i]);
    }
  }
  m->view.values = values;
}

// nested_block: 0, or how many scales share a scale.
static void four_bits(test_matrix *m, float *dense, size_t count, const float *levels, size_t block, size_t nested_block) {
  size_t blocks = (count + block - 1) / block;
  const uint8_t *codes = random_bytes((count + 1) / 2);
  m->view.storage = QP_Q4, m->view.values = codes, m->view.levels = levels, m->view.block = block;
  float *scales = random_floats(blocks, 1);
  if (nested_block) {
    m->view.absmax_codes = random_bytes(blocks);
    m->view.nested_map = qp_dynamic_map;
    m->view.nested_block = nested_block;
    m->view.nested_absmax = random_floats((blocks + nested_block - 1) / nested_block, 1);
    m->view.nested_offset = 0.0437f;
    for (size_t b = 0; b < blocks; b++) {
      volatile float scaled = qp_dynamic_map[m->view.absmax_codes[b]] * m->view.nested_absmax[b / nested_block];  // rounded here
      scales[b] = scaled + m->view.nested_offset;
    }
  } else {
    m->view.absmax = scales;
  }
  for (size_t i = 0; i < count; i++) dense[i] = levels[i % 2 ? codes[i / 2] & 15 : codes[i / 2] >> 4] * scales[i / block];
}

test_matrix matrix_of(int storage, size_t rows, size_t columns) {
  static const char *const names[] = {"f32", "f16", "bf16", "nf4", "fp4 in blocks of 512", "nf4, nested", "nf4 in blocks of 128, nested"};
  size_t count = rows * columns;
  float *dense = random_floats(count, 1);
  test_matrix m = {.view = {.rows = rows, .columns = columns}, .dense = dense, .storage = names[storage]};
  switch (storage) {
    case 0: m.view.storage = QP_F32, m.view.values = dense; break;
    case 1: m.view.storage = QP_F16, dense_halves(&m, dense, count); break;
    case 2: m.view.storage = QP_BF16, dense_halves(&m, dense, count); break;
    case 3: four_bits(&m, dense, count, qp_nf4_levels, 64, 0); break;
    case 4: four_bits(&m, dense, count, qp_fp4_levels, 512, 0); break;
    case 5: four_bits(&m, dense, count, qp_nf4_levels, 64, 256); break;
    default: four_bits(&m, dense, count, qp_nf4_levels, 128, 16); break;
  }
  return m;
}
