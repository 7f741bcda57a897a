/// ggml's block formats: decoding has the bits of the plain decoders and reads no byte past the last block; products have the
/// bits of products with the decoded numbers.
#include "check.h"

static qp_matrix blocks_of(qp_storage storage, size_t rows, size_t columns) {
  qp_block size = qp_block_of(storage);
  return (qp_matrix){.storage = storage, .rows = rows, .columns = columns,
                     .values = random_bytes(rows * columns / size.count * size.bytes)};
}

static void decoders(const qp_kernel_set *set, qp_storage storage) {
  qp_block size = qp_block_of(storage);
  const uint8_t *block = random_bytes(size.bytes);
  for (size_t part = 0; part < size.count / 32; part++) {
    at("storage %d, part %zu", storage, part);
    float *found = room_floats(32), *expected = room_floats(32);
    const qp_block_decoder *decoders = set->block_decoders ? set->block_decoders : qp_block_decoders_reference;
    decoders[storage - QP_GGML_Q4_0](found, block, part);
    qp_block_decoders_reference[storage - QP_GGML_Q4_0](expected, block, part);
    same("decode a part", found, expected, 32 * sizeof(float));
  }
  clear();
}

static void runs(qp_storage storage, size_t head) {
  qp_matrix w = blocks_of(storage, 4, 512);
  size_t count = w.rows * w.columns;
  float *all = room_floats(count);
  qp_decode_run(&qp_kernels_reference, all, &w, 0, count);
  w.interleaved_head = head;
  for (size_t i = 0; i < 20; i++) {
    size_t first = next() % count, length = 1 + next() % (count - first);
    at("storage %d, %zu + %zu, heads of %zu", storage, first, length, head);
    float *found = room_floats(length), *expected = room_floats(length);
    for (size_t k = 0; k < length; k++) {
      size_t row = (first + k) / w.columns, column = (first + k) % w.columns;
      if (head) row = row / head * head + (row % head % (head / 2)) * 2 + row % head / (head / 2);
      expected[k] = all[row * w.columns + column];
    }
    qp_matrix_decode(found, &w, first, length);
    same("decode a run", found, expected, length * sizeof(float));
  }
  clear();
}

// Bytes below 64 alone: no float16 among the scales is an infinity or NaN then, whose products may differ in their bits.
static void products(qp_storage storage, size_t n) {
  qp_matrix w = blocks_of(storage, 37, 512);
  qp_block size = qp_block_of(storage);
  uint8_t *bytes = (uint8_t *)w.values;
  for (size_t i = 0; i < w.rows * w.columns / size.count * size.bytes; i++) bytes[i] &= 63;
  size_t count = w.rows * w.columns;
  float *dense = room_floats(count);
  qp_matrix_decode(dense, &w, 0, count);
  qp_matrix plain = {.storage = QP_F32, .rows = w.rows, .columns = w.columns, .values = dense};
  float *x = random_floats(n * w.columns, 1), *dy = random_floats(n * w.rows, 1);
  float *y[2], *dx[2];
  for (int i = 0; i < 2; i++) {
    const qp_matrix *m = i ? &plain : &w;
    y[i] = room_floats(n * w.rows), dx[i] = room_floats(n * w.columns);
    qp_matmul(y[i], x, m, n, 0, NULL, room(qp_matmul_scratch_bytes(m, n)));
    qp_matmul_transposed(dx[i], dy, m, n, 0, NULL, room(qp_matmul_transposed_scratch_bytes(m, n)));
  }
  at("storage %d, %zu tokens", storage, n);
  same("x · Wᵀ", y[0], y[1], n * w.rows * sizeof(float));
  same("dy · W", dx[0], dx[1], n * w.columns * sizeof(float));
  clear();
}

void test_blocks(const qp_kernel_set *set) {
  for (qp_storage storage = QP_GGML_Q4_0; storage < QP_STORAGE_COUNT; storage++) {
    decoders(set, storage);
    runs(storage, 0);
    runs(storage, 4);
    products(storage, 1);
    products(storage, 9);
  }
}
