/// The tile product, packers and the leaves for few tokens.
#include "check.h"
#include "x86/cpu.h"
#include "x86/leaves_avx512.h"

static const size_t ragged[][2] = {{16, 32}, {33, 31}, {50, 38}, {37, 96}, {70, 320}, {19, 1024}, {6, 1728}};
enum { SHAPES = sizeof ragged / sizeof *ragged };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

typedef struct {
  size_t m, n, kc, ldc, row_step, k_step, b_step;
  int accumulate;
  float *a, *b, *c;
} tile_case;

// Operands of exactly the size that a tile reads and writes: nothing past its last row and column. `b_row`: numbers read of a row of B.
static tile_case operands(tile_case t, size_t b_row) {
  t.a = random_floats((t.m - 1) * t.row_step + (t.kc - 1) * t.k_step + 1, 1);
  t.b = random_floats((t.kc - 1) * t.b_step + b_row, 1);
  t.c = random_floats((t.m - 1) * t.ldc + t.n, 1);
  return t;
}

// Whether c became, or grew by, the product; between its rows nothing changes.
static void expect_product(const tile_case *t, const float *before) {
  size_t size = (t->m - 1) * t->ldc + t->n;
  double *exact = room_doubles(size), *bound = room_doubles(size);
  for (size_t i = 0; i < size; i++) exact[i] = before[i];
  for (size_t i = 0; i < t->m; i++)
    for (size_t j = 0; j < t->n; j++) {
      double sum = t->accumulate ? before[i * t->ldc + j] : 0, sizes = fabs(sum);
      for (size_t k = 0; k < t->kc; k++) {
        double term = (double)t->a[i * t->row_step + k * t->k_step] * t->b[k * t->b_step + j];
        sum += term, sizes += fabs(term);
      }
      exact[i * t->ldc + j] = sum, bound[i * t->ldc + j] = (double)(t->kc + 2) * EPS * sizes;
    }
  within("product", t->c, exact, bound, size);
}

static void tiles(const qp_kernel_set *set) {
  static const size_t depths[] = {1, 2, 7, 31, 256};
  size_t mr = set->mr, nr = set->nr;
  for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
    for (size_t m = 1; m <= mr; m++)
      for (size_t n = 1; n <= nr; n += n + 3 < nr || n == nr ? 3 : nr - n)
        for (int way = 0; way < 4; way++) {
          size_t kc = depths[d];
          tile_case t = operands((tile_case){m, n, kc, nr + 3, way < 2 ? kc + 1 : 1, way < 2 ? 1 : m, nr, way % 2, NULL, NULL, NULL}, nr);
          at("gemm_tile %zu x %zu x %zu, %s of A, accumulate %d", m, n, kc, way < 2 ? "rows" : "columns", t.accumulate);
          const float *before = copy_of(t.c, ((m - 1) * t.ldc + n) * sizeof(float));
          set->gemm_tile(t.c, t.ldc, t.a, t.row_step, t.k_step, t.b, kc, m, n, t.accumulate);
          expect_product(&t, before);
          clear();
        }
}

// B where it lies; rows of A apart as they are, and so that they share lines of cache.
static void thin(const qp_kernel_set *set) {
  static const size_t depths[] = {1, 3, 33, 256}, columns[] = {1, 7, 8, 9, 15, 16};
  for (size_t d = 0; d < 4; d++)
    for (size_t m = 1; m <= 53; m++)
      for (size_t w = 0; w < 6; w++)
        for (int way = 0; way < 4; way++) {
          size_t kc = depths[d], n = columns[w], row_step = way > 1 ? 1 : m % 5 ? kc + 1 : 512;
          tile_case t = operands((tile_case){m, n, kc, 19, row_step, way < 2 ? 1 : m, 21, way % 2, NULL, NULL, NULL}, QP_THIN);
          at("gemm_thin %zu x %zu x %zu, %s of A, accumulate %d", m, n, kc, way < 2 ? "rows" : "columns", t.accumulate);
          const float *before = copy_of(t.c, ((m - 1) * t.ldc + n) * sizeof(float));
          set->gemm_thin(t.c, t.ldc, t.a, t.row_step, t.k_step, t.b, t.b_step, kc, m, n, t.accumulate);
          expect_product(&t, before);
          clear();
        }
}

static void packers(const qp_kernel_set *set) {
  size_t width = set->nr;
  for (size_t valid = 1; valid <= width; valid++)
    for (size_t kc = 1; kc < 41; kc += 5) {
      size_t ld = kc + 2, wide = valid + 1;
      at("pack %zu of %zu, depth %zu", valid, width, kc);
      float *rows = random_floats((valid - 1) * ld + kc, 1), *columns = random_floats((kc - 1) * wide + valid, 1);
      float *found = room_floats(kc * width), *expected = room_floats(kc * width);
      for (size_t k = 0; k < kc; k++)
        for (size_t i = 0; i < width; i++) expected[k * width + i] = i < valid ? rows[i * ld + k] : 0;
      set->pack_transposed(found, rows, ld, valid, kc);
      same("pack_transposed", found, expected, kc * width * sizeof(float));
      for (size_t k = 0; k < kc; k++)
        for (size_t i = 0; i < width; i++) expected[k * width + i] = i < valid ? columns[k * wide + i] : 0;
      set->pack_straight(found, columns, wide, valid, kc);
      same("pack_straight", found, expected, kc * width * sizeof(float));
      clear();
    }
}

static void weight_panels(const qp_kernel_set *set) {
  size_t nr = set->nr;
  for (int storage = 0; storage < STORAGES; storage++)
    for (size_t s = 0; s < SHAPES; s++) {
      size_t rows = ragged[s][0], columns = ragged[s][1];
      test_matrix w = matrix_of(storage, rows, columns);
      at("%s %zu x %zu", w.storage, rows, columns);
      float *found = room_floats(set->kc * nr), *expected = room_floats(set->kc * nr);
      for (size_t row = 0; row < rows; row += nr)
        for (size_t column = 0; column < columns; column += set->kc) {
          size_t valid = least(rows - row, nr), kc = least(columns - column, set->kc);
          for (size_t k = 0; k < kc; k++)
            for (size_t i = 0; i < nr; i++)
              expected[k * nr + i] = i < valid ? w.dense[(row + i) * columns + column + k] : 0;
          set->pack_weight_rows(found, &w.view, row, valid, column, kc);
          for (size_t i = 0; i < kc * nr; i++) found[i] += 0.0f;  // the padding may be a negative zero
          for (size_t i = 0; i < kc * nr; i++) expected[i] += 0.0f;
          same("pack_weight_rows", found, expected, kc * nr * sizeof(float));
        }
      float *several = room_floats(set->kc * (columns + nr));
      for (size_t row = 0; row < rows; row += set->kc)
        for (size_t column = 0; column < columns; column += nr) {
          size_t kc = least(rows - row, set->kc), asked = columns - column;
          size_t taken = set->pack_weight_columns(several, &w.view, row, kc, column, asked);
          holds("pack_weight_columns: all or whole panels", taken == asked || (taken > 0 && taken < asked && taken % nr == 0));
          for (size_t first = 0; first < taken; first += nr) {
            for (size_t k = 0; k < kc; k++)
              for (size_t i = 0; i < nr; i++)
                expected[k * nr + i] = first + i < taken ? w.dense[(row + k) * columns + column + first + i] : 0;
            same("pack_weight_columns", several + first * kc, expected, kc * nr * sizeof(float));
          }
        }
      clear();
    }
}

void test_products(const qp_kernel_set *set) {
  tiles(set);
  thin(set);
  packers(set);
  weight_panels(set);
}

// Rows of W lie apart, and the last one ends with its array.
static void narrow(const qp_kernel_set *set) {
  static const size_t counts[] = {1, 3, 16, 21, 96}, widths[] = {1, 5, 8, 16, 27, 64, 144};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
      for (size_t n = 1; n <= QP_FEW_MAX; n++) {
        size_t rows = counts[c], columns = widths[w], accumulate = n % 3 == 0;
        tile_case t = {n, rows, columns, rows + 3, columns, 1, columns + n % 2 * 5, (int)accumulate, NULL, NULL, NULL};
        at("narrow_rows %zu x %zu, %zu tokens, accumulate %zu", rows, columns, n, accumulate);
        t.a = random_floats(n * columns, 1), t.c = random_floats((n - 1) * t.ldc + rows, 1);
        float *weights = random_floats((rows - 1) * t.b_step + columns, 1);
        // What expect_product takes is W transposed.
        size_t step = t.b_step;
        t.b = room_floats(columns * rows), t.b_step = rows;
        for (size_t i = 0; i < columns * rows; i++) t.b[i] = weights[i % rows * step + i / rows];
        const float *before = copy_of(t.c, ((n - 1) * t.ldc + rows) * sizeof(float));
        set->narrow_rows(t.c, t.ldc, t.a, weights, 0, step, rows, columns, n, t.accumulate);
        expect_product(&t, before);
        clear();
      }
}

// The same rows, weighed.
static void weighed(const qp_kernel_set *set) {
  static const size_t counts[] = {1, 3, 21, 96}, widths[] = {16, 32, 80, 144};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
      for (size_t n = 1; n <= QP_FEW_MAX; n++) {
        size_t rows = counts[c], columns = widths[w];
        tile_case t = operands((tile_case){n, columns, rows, columns + 3, rows + 2, 1, columns + n % 2 * 5, n % 3 == 0, NULL, NULL, NULL}, columns);
        at("narrow_columns %zu x %zu, %zu tokens, accumulate %d", rows, columns, n, t.accumulate);
        const float *before = copy_of(t.c, ((n - 1) * t.ldc + columns) * sizeof(float));
        set->narrow_columns(t.c, t.ldc, t.a, t.row_step, t.b, 0, t.b_step, rows, columns, n, t.accumulate);
        expect_product(&t, before);
        clear();
      }
}

#if defined(__x86_64__)
// One token in fixed point, by instructions that not every processor with AVX-512 has.
static void fixed_by_vnni(void) {
  for (int storage = 3; storage <= LARGE_NESTED; storage++)
    for (size_t columns = 64; columns <= 640; columns += 64) {
      size_t rows = 23;
      test_matrix w = matrix_of(storage, rows, columns);
      at("%s %zu x %zu", w.storage, rows, columns);
      int16_t levels[16], *x = room((columns + 64) * sizeof *x);
      const int16_t *numbers = (const int16_t *)random_bytes(columns * sizeof *numbers);
      for (size_t i = 0; i < 16; i++) levels[i] = (int16_t)((int)(next() % 32767) - 16383);
      for (size_t run = 0; run < columns / QP_FIXED; run++) {
        int16_t of_run[QP_FIXED];
        for (size_t i = 0; i < QP_FIXED; i++) of_run[i] = numbers[run * QP_FIXED + i] / 2;
        qp_fixed_arrange_avx512(x, of_run, run);
      }
      float *scales = random_floats(columns / QP_FIXED, 1), *found = room_floats(rows), *expected = room_floats(rows);
      qp_fixed_rows_avx512_vnni(found, x, scales, &w.view, levels, 0, rows);
      qp_fixed_rows_avx512_bw(expected, x, scales, &w.view, levels, 0, rows);
      same("fixed_rows", found, expected, rows * sizeof(float));
      clear();
    }
}
#endif

void test_few(const qp_kernel_set *set) {
#if defined(__x86_64__)
  if (set == &qp_kernels_avx512 && qp_has_vnni()) fixed_by_vnni();
#endif
  if (set->narrow_rows) narrow(set), weighed(set);
  if (!set->few_takes) return;  // such a set packs always
  for (int storage = 0; storage <= LARGE_NESTED; storage++)
    for (size_t s = 0; s < SHAPES; s++)
      for (size_t n = 1; n <= QP_FEW_MAX; n++)
        for (int transposed = 0; transposed < 2; transposed++)
          for (int accumulate = 0; accumulate < 2; accumulate++) {
            size_t rows = ragged[s][0], columns = ragged[s][1];
            test_matrix w = matrix_of(storage, rows, columns);
            if (!set->few_takes(&w.view, n, transposed)) {
              clear();
              continue;
            }
            at("%s %zu x %zu, %zu tokens, accumulate %d", w.storage, rows, columns, n, accumulate);
            size_t inputs = transposed ? rows : columns, outputs = transposed ? columns : rows;
            float *x = random_floats(n * inputs, 1), *y = random_floats(n * outputs, 1);
            double *exact = room_doubles(n * outputs), *bound = room_doubles(n * outputs);
            for (size_t t = 0; t < n; t++)
              for (size_t o = 0; o < outputs; o++) {
                double sum = accumulate ? y[t * outputs + o] : 0, sizes = fabs(sum);
                for (size_t k = 0; k < inputs; k++) {
                  double term = (double)x[t * inputs + k] * w.dense[transposed ? k * columns + o : o * columns + k];
                  sum += term, sizes += fabs(term);
                }
                exact[t * outputs + o] = sum, bound[t * outputs + o] = (double)(inputs + 3) * EPS * sizes;
              }
            if (transposed) {
              for (size_t c = 0; c < columns; c += QP_FEW_UNIT)
                set->few_columns(y, x, &w.view, c, least(columns - c, QP_FEW_UNIT), n, accumulate);
              within("few_columns", y, exact, bound, n * outputs);
            } else {
              float *arranged = room_floats(n * columns);
              for (size_t t = 0; t < n; t++) set->few_arrange(arranged + t * columns, x + t * columns, &w.view);
              for (size_t r = 0; r < rows; r += 12) set->few_rows(y, rows, arranged, &w.view, r, least(rows - r, 12), n, accumulate);
              within("few_rows", y, exact, bound, n * outputs);
            }
            clear();
          }
}
