/// ggml's block formats: decoding has the bits of the definition and reads no byte past the last block; products have the
/// bits of products with the decoded numbers.
#include "check.h"
#include "reference/blocks_encode.h"

static qp_matrix blocks_of(qp_storage storage, size_t rows, size_t columns) {
  qp_block size = qp_block_of(storage);
  return (qp_matrix){.storage = storage, .rows = rows, .columns = columns,
                     .values = random_bytes(rows * columns / size.count * size.bytes)};
}

// From every part of a block on, into the next one.
static void decoders(const qp_kernel_set *set, qp_storage storage) {
  qp_block size = qp_block_of(storage);
  size_t parts = size.count / 32;
  const uint8_t *blocks = random_bytes(3 * size.bytes);
  for (size_t part = 0; part < parts; part++) {
    size_t count = 3 * parts - part;
    at("storage %d, part %zu", storage, part);
    float *found = room_floats(32 * count), *expected = room_floats(32 * count);
    set->decode_blocks(storage, found, blocks, part, count);
    qp_kernels_reference.decode_blocks(storage, expected, blocks, part, count);
    same_numbers("decoded parts", found, expected, 32 * count);
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
    same_numbers("decode a run", found, expected, length);
  }
  clear();
}

// Bytes below 64 alone: no float16 among the scales is an infinity or NaN then, whose products may differ in their bits.
static qp_matrix small_blocks_of(qp_storage storage, size_t rows, size_t columns) {
  qp_matrix w = blocks_of(storage, rows, columns);
  qp_block size = qp_block_of(storage);
  uint8_t *bytes = (uint8_t *)w.values;
  for (size_t i = 0; i < rows * columns / size.count * size.bytes; i++) bytes[i] &= 63;
  return w;
}

static void products(qp_storage storage, size_t n) {
  qp_matrix w = small_blocks_of(storage, 37, 512);
  size_t count = w.rows * w.columns;
  float *dense = room_floats(count);
  qp_matrix_decode(dense, &w, 0, count);
  qp_matrix plain = {.storage = QP_F32, .rows = w.rows, .columns = w.columns, .values = dense};
  float *x = random_floats(n * w.columns, 1), *dy = random_floats(n * w.rows, 1);
  float *y[2], *dx[2];
  for (int i = 0; i < 2; i++) {
    const qp_matrix *m = i ? &plain : &w;
    y[i] = room_floats(n * w.rows), dx[i] = room_floats(n * w.columns);
    qp_matmul(y[i], x, m, n, 0, 0, NULL, room(qp_matmul_scratch_bytes(m, n)));
    qp_matmul_transposed(dx[i], dy, m, n, 0, 0, NULL, room(qp_matmul_transposed_scratch_bytes(m, n)));
  }
  at("storage %d, %zu tokens", storage, n);
  same("x · Wᵀ", y[0], y[1], n * w.rows * sizeof(float));
  same("dy · W", dx[0], dx[1], n * w.columns * sizeof(float));
  clear();
}

/// One token: x rounded to 15 bits, with a scale for every 32 columns.
static void fixed_point(qp_storage storage, size_t head) {
  enum { ROWS = 48, RANK = 4 };
  size_t columns = qp_block_of(storage).count == 32 ? 25 * 32 : 3 * 256;  // blocks of 32 go eight at a time, and one is left
  qp_matrix w = small_blocks_of(storage, ROWS, columns);
  w.interleaved_head = head;
  float *dense = room_floats(ROWS * columns), *x = random_floats(columns, 1), *y = room_floats(ROWS), *alone = room_floats(ROWS);
  float *hidden = random_floats(RANK, 1), *factor = random_floats(ROWS * RANK, 1);
  x[37] = 1000;  // its run alone is rounded more
  double *exact = room_doubles(ROWS), *bound = room_doubles(ROWS);
  qp_matrix_decode(dense, &w, 0, ROWS * columns);
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t i = 0; i < RANK; i++) exact[r] += (double)hidden[i] * factor[r * RANK + i], bound[r] += 1e-6;
    for (size_t k = 0; k < columns; k += 32) {
      double most = 0, weights = 0, largest = 0, sizes = 0;
      for (size_t i = k; i < k + 32; i++) {
        double value = dense[r * columns + i];
        exact[r] += value * x[i], weights += fabs(value), sizes += fabs(x[i]);
        most = fmax(most, fabs(x[i])), largest = fmax(largest, fabs(value));
      }
      // Scales and offsets are summed apart, run by run; here an offset is not much larger than the largest number of its run.
      bound[r] += most * weights / 32700 + (double)(columns / 16 + 16) * EPS * 4 * largest * sizes;
    }
  }
  const qp_low_rank term = {.hidden = hidden, .factor = factor, .rank = RANK};
  void *scratch = room(qp_matmul_scratch_bytes(&w, 1));
  at("storage %d, heads of %zu", storage, head);
  qp_set_thread_count(2);
  qp_matmul_fixed(y, x, &w, 1, &term, scratch);
  qp_set_thread_count(1);
  qp_matmul_fixed(alone, x, &w, 1, &term, scratch);
  same("one thread, two threads", y, alone, ROWS * sizeof(float));
  within("fixed point", y, exact, bound, ROWS);
  clear();
}

/// Numbers whose scales are beyond float16, and such that have none: the sanitizer sees what is not defined.
static void encode_extremes(qp_storage storage) {
  static const float sizes[] = {1e-40f, 1e-20f, 1e6f, 1e12f, 1e20f, 3.4e38f};
  size_t count = 256 / qp_block_of(storage).count, bytes = count * qp_block_of(storage).bytes;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    at("storage %d, numbers of %g", storage, (double)sizes[i]);
    qp_blocks_encode(room(bytes), random_floats(256, sizes[i]), storage, count);
  }
  clear();
}

static void nearest(void) {
  at("nearest whole number");
  holds("of NaN", qp_block_nearest(NAN) == 0);
  holds("of infinity", qp_block_nearest(INFINITY) == 0 && qp_block_nearest(-INFINITY) == 0);
  holds("of others", qp_block_nearest(2.5f) == 2 && qp_block_nearest(-3.5f) == -4 && qp_block_nearest(4194303) == 4194303);
}

void test_blocks(const qp_kernel_set *set) {
  nearest();
  for (qp_storage storage = QP_GGML_Q4_0; storage < QP_STORAGE_COUNT; storage++) {
    if (qp_blocks_are_written(storage)) encode_extremes(storage);
    decoders(set, storage);
    runs(storage, 0);
    runs(storage, 4);
    products(storage, 1);
    products(storage, 9);
    fixed_point(storage, 0);
    fixed_point(storage, 16);
  }
}
