/// One token in fixed point, the definition: whole numbers, multiplied and summed exactly over each QP_FIXED columns.
#include <string.h>

#include "reference/leaves.h"

void qp_ref_fixed_arrange(int16_t *dst, const int16_t *x, size_t run) {
  memcpy(dst + run * QP_FIXED, x, QP_FIXED * sizeof *x);
}

void qp_ref_fixed_rows(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                       size_t row, size_t rows) {
  const uint8_t *codes = w->values;
  for (size_t r = row; r < row + rows; r++) {
    double sum = 0;
    for (size_t k = 0; k < w->columns; k += QP_FIXED) {
      size_t at = r * w->columns + k;
      int64_t exact = 0;
      for (size_t i = 0; i < QP_FIXED; i += 2) {
        uint8_t pair = codes[(at + i) / 2];
        exact += levels[pair >> 4] * x[k + i] + levels[pair & 15] * x[k + i + 1];
      }
      sum += (double)exact * (qp_block_scale(w, at / w->block) * x_scales[k / QP_FIXED]);
    }
    y[r] = (float)sum;
  }
}

void qp_ref_fixed_blocks(float *y, const int16_t *x, const float *x_scales, const float *x_sums, qp_storage storage, const uint8_t *row,
                         size_t rows, size_t blocks) {
  (void)x_sums;  // decoded numbers have their offsets
  qp_block size = qp_block_of(storage);
  for (size_t r = 0; r < rows; r++) {
    double sum = 0;
    for (size_t k = 0; k < blocks * size.count; k += 32) {
      float w[32];
      qp_ref_decode_blocks(storage, w, row + (r * blocks + k / size.count) * size.bytes, k % size.count / 32, 1);
      for (size_t i = 0; i < 32; i++) sum += (double)w[i] * x[k + i / 2 + i % 2 * 16] * x_scales[k / 32];
    }
    y[r] = (float)sum;
  }
}
