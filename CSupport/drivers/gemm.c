/// Dense products: factors of low rank, whose products have one thin side, and matrices that are trained whole. A task owns a tile of C,
/// and its sums run along k in order: no cut of C changes a bit.
#include "drivers/operands.h"
#include "drivers/panels.h"
#include "threads/parallel.h"

// Of C: a tile, and that of a thin product. Along k: a block, whose panel and rows fit a task's stack.
enum { TILE_M = 96, TILE_N = 384, THIN_SIDE = 64, THIN_TILE = 64, DEPTH = 256, ROW_PIECES = 2 };

typedef struct {
  const qp_kernel_set *set;
  float *c;
  const float *a, *b;
  size_t m, n, k, tiles_n;
  int transpose_a, transpose_b, accumulate;
} gemm;

// Panels of columns j ..< j + n of op(B).
static void pack_panels(const gemm *g, float *panels, size_t j, size_t n, size_t k, size_t depth) {
  if (g->transpose_b)
    qp_pack_rows(g->set, panels, g->b + j * g->k + k, g->k, n, depth);
  else
    qp_pack_columns(g->set, panels, g->b + k * g->n + j, g->n, n, depth);
}

static void tile_task(void *context, size_t index, size_t worker) {
  (void)worker;
  const gemm *g = context;
  size_t i = index / g->tiles_n * TILE_M, first = index % g->tiles_n * TILE_N, k = 0;
  size_t m = qp_least(g->m - i, TILE_M), end = qp_least(g->n, first + TILE_N);
  _Alignas(64) float rows[TILE_M * DEPTH], panels[DEPTH * QP_MAX_NR];
  qp_operands floats = qp_operands_of(g->set, 0);
  do {
    size_t depth = qp_least(g->k - k, DEPTH), row_step = g->transpose_a ? 1 : depth, k_step = g->transpose_a ? m : 1;
    if (g->transpose_a)
      qp_copy_rows(rows, g->a + k * g->m + i, g->m, depth, m);
    else
      qp_copy_rows(rows, g->a + i * g->k + k, g->k, m, depth);
    // A short depth leaves room for several panels: then whole rows of C are passed over, not strips down its pages.
    size_t width = depth ? sizeof panels / sizeof *panels / depth / g->set->nr * g->set->nr : TILE_N;
    for (size_t j = first; j < end; j += width) {
      size_t n = qp_least(end - j, width);
      pack_panels(g, panels, j, n, k, depth);
      qp_tiles(&floats, g->c + i * g->n + j, g->n, rows, row_step, k_step, panels, depth, depth, m, n, g->accumulate || k > 0);
    }
    k += depth;
  } while (k < g->k);
}

// C[m, thin] = A[m, k] · op(B): some rows of A, where they lie.
static void thin_columns_task(void *context, size_t index, size_t worker) {
  (void)worker;
  const gemm *g = context;
  size_t i = index * THIN_TILE, m = qp_least(g->m - i, THIN_TILE);
  _Alignas(64) float panel[DEPTH * QP_MAX_NR];
  for (size_t k = 0; k < g->k; k += DEPTH) {
    size_t depth = qp_least(g->k - k, DEPTH);
    for (size_t j = 0; j < g->n; j += QP_THIN) {
      size_t n = qp_least(g->n - j, QP_THIN), b_step = g->n;
      const float *b = g->b + k * g->n + j;
      if (g->transpose_b || n < QP_THIN) pack_panels(g, panel, j, n, k, depth), b = panel, b_step = g->set->nr;
      g->set->gemm_thin(g->c + i * g->n + j, g->n, g->a + i * g->k + k, g->k, 1, b, b_step, depth, m, n,
                        g->accumulate || k > 0);
    }
  }
}

// Aᵀ · B, one of them thin: some columns of the wide one, where they lie, if they are passed over once, else as panels.
static void thin_rows_task(void *context, size_t index, size_t worker) {
  (void)worker;
  const gemm *g = context;
  int a_is_thin = g->m <= g->n;
  const float *thin = a_is_thin ? g->a : g->b, *wide = a_is_thin ? g->b : g->a;
  size_t rows = qp_least(g->m, g->n), ld = g->m + g->n - rows, first = index * THIN_TILE, columns = qp_least(ld - first, THIN_TILE);
  _Alignas(64) float panel[DEPTH * QP_MAX_NR], transposed[THIN_SIDE * THIN_TILE];
  float *sums = a_is_thin ? g->c + first : transposed;
  size_t sums_ld = a_is_thin ? g->n : THIN_TILE;
  for (size_t k = 0; k < g->k; k += DEPTH)
    for (size_t j = 0; j < columns; j += QP_THIN) {
      size_t depth = qp_least(g->k - k, DEPTH), n = qp_least(columns - j, QP_THIN), step = ld;
      const float *b = wide + k * ld + first + j;
      if (n < QP_THIN || rows > g->set->thin_rows)
        g->set->pack_straight(panel, b, ld, n, depth), b = panel, step = g->set->nr;
      g->set->gemm_thin(sums + j, sums_ld, thin + k * rows, 1, rows, b, step, depth, rows, n, (a_is_thin && g->accumulate) || k > 0);
    }
  if (a_is_thin) return;
  for (size_t j = 0; j < columns; j++)
    for (size_t i = 0; i < rows; i++) {
      float *c = g->c + (first + j) * rows + i, sum = transposed[i * THIN_TILE + j];
      *c = g->accumulate ? *c + sum : sum;
    }
}

// B[n, k] as the leaves for few tokens see weights; dense ones take tokens as they are.
static qp_matrix as_weights(const gemm *g) {
  return (qp_matrix){.storage = QP_F32, .rows = g->n, .columns = g->k, .values = g->b};
}

// One row of A, as in writing text: every row of B is read once and nothing is packed.
static void row_task(void *context, size_t index, size_t worker) {
  (void)worker;
  const gemm *g = context;
  qp_matrix b = as_weights(g);
  size_t part = ROW_PIECES * qp_rows_of_piece(g->k), first = index * part;
  g->set->few_rows(g->c, g->n, g->a, &b, first, qp_least(g->n - first, part), 1, g->accumulate);
}

static int takes_row(const gemm *g) {
  qp_matrix b = as_weights(g);
  return g->m == 1 && !g->transpose_a && g->transpose_b && g->k > 0 && g->set->few_takes && g->set->few_takes(&b, 1, 0);
}

void qp_gemm(float *c, const float *a, int transpose_a, const float *b, int transpose_b, size_t m, size_t n, size_t k,
             int accumulate) {
  gemm g = {.set = qp_kernels(), .c = c, .a = a, .b = b, .m = m, .n = n, .k = k, .tiles_n = qp_parts(n, TILE_N),
            .transpose_a = transpose_a, .transpose_b = transpose_b, .accumulate = accumulate};
  size_t wide = m > n ? m : n;
  if (takes_row(&g))
    qp_parallel_for(qp_parts(n, ROW_PIECES * qp_rows_of_piece(k)), row_task, &g);
  else if (transpose_a && !transpose_b && qp_least(m, n) <= THIN_SIDE && k > 0)
    qp_parallel_for(qp_parts(wide, THIN_TILE), thin_rows_task, &g);
  else if (!transpose_a && n <= THIN_SIDE && k > 0)
    qp_parallel_for(qp_parts(m, THIN_TILE), thin_columns_task, &g);
  else
    qp_parallel_for(qp_parts(m, TILE_M) * g.tiles_n, tile_task, &g);
}
