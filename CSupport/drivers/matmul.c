/// x · Wᵀ and dy · W over frozen weights, in rounds over the inputs: tokens are laid side by side, then every task decodes a
/// group of panels of W into its own scratch and runs all tokens over them. The float copy of W never exists.
///
///   y[n, outputs] (+)= sum over k of x[n, k] * W'(k, output)
///
/// forward:  outputs = rows,    depth = columns, panels by pack_weight_rows
/// backward: outputs = columns, depth = rows,    panels by pack_weight_columns
/// A term of low rank is one more k-block, of other operands. Every element of y is one sum over k-blocks in order: no number of threads
/// and no grouping changes it.
#include "drivers/few.h"
#include "drivers/operands.h"
#include "drivers/panels.h"
#include "threads/parallel.h"

enum {
  QP_COPIED = 32,     // tokens that a task copies
  QP_IN_PLACE = 1536,  // most inputs of tokens that are read where they lie
  QP_K_UNIT = 64,      // inputs of a k-block are a multiple of it, but for the last one's
};

typedef struct {
  qp_operands operands;
  float *y;
  const float *x;
  const qp_matrix *w;
  size_t n, outputs, depth, group;  // n: tokens of this pass
  size_t kc;                        // inputs of a k-block
  size_t first, end;                // inputs of this round, whole k-blocks
  int accumulate, transposed, in_place;
  const qp_low_rank *term;
  const float *hidden;  // of the tokens of this pass
  float *tokens, *panels;
} product;

// x as [k-block][token][steps]: the rows that a tile reads lie side by side, where as rows of x they may share a few lines of cache.
static float *copied_at(const product *p, size_t k, size_t kc, size_t token) {
  return p->tokens + qp_steps(&p->operands, k - p->first) * p->n + token * qp_steps(&p->operands, kc);
}

// Whether the rows of x that a tile reads are short, and fall into different sets of the nearest cache, as copied ones do, but for three
// more in a set: then they are read where they lie. Caches have 64 sets of lines of 64 bytes.
static int rows_lie_apart(const qp_kernel_set *set, size_t depth, size_t kc) {
  if (depth > QP_IN_PLACE) return 0;
  uint8_t lines[64] = {0}, most = 0;
  size_t rows = set->mr, width = qp_least(depth, kc) / 16;
  for (size_t i = 0; i < rows * width; i++) {
    uint8_t count = ++lines[(i / width * depth / 16 + i % width) % 64];
    if (count > most) most = count;
  }
  return most <= (rows * width + 63) / 64 + 3;
}

static void copy_tokens(void *context, size_t task, size_t worker) {
  (void)worker;
  const product *p = context;
  size_t end = qp_least(p->n, (task + 1) * QP_COPIED);
  for (size_t k = p->first; k < p->end; k += p->kc) {
    size_t kc = qp_least(p->end - k, p->kc);
    for (size_t i = task * QP_COPIED; i < end; i++)
      qp_operand_row(&p->operands, copied_at(p, k, kc, i), p->x + i * p->depth + k, kc);
  }
}

// Panels of the outputs from `output` on, at most so many: how many outputs were taken.
static size_t pack_panels(const product *p, float *panels, size_t output, size_t outputs, size_t k, size_t kc) {
  const qp_kernel_set *set = p->operands.set;
  int leaves = qp_leaves_read(p->w);
  if (p->transposed && leaves) return set->pack_weight_columns(panels, p->w, k, kc, output, outputs);
  if (p->transposed) return qp_pack_weight_columns_any(set, panels, p->w, k, kc, output, outputs);
  size_t width = qp_least(outputs, set->nr);
  if (leaves)
    set->pack_weight_rows(panels, p->w, output, width, k, kc);
  else
    qp_pack_weight_rows_any(set, panels, p->w, output, width, k, kc);
  return width;
}

// Panels of all `outputs` outputs from `first` on, of kc inputs from k on.
static void pack_group(const product *p, float *panels, size_t first, size_t outputs, size_t k, size_t kc) {
  for (size_t o = 0, taken; o < outputs; o += taken) {
    taken = pack_panels(p, panels + o * kc, first + o, outputs - o, k, kc);
    qp_operand_panels(&p->operands, panels + o * qp_steps(&p->operands, kc), panels + o * kc, taken, kc);
  }
}

// All tokens, `step` numbers apart, over panels of `outputs` outputs from y on, kc steps deep.
static void multiply_panels(const product *p, qp_tile *tile, float *y, const float *tokens, size_t step, const float *panels, size_t kc,
                            size_t outputs, int accumulate) {
  const qp_kernel_set *set = p->operands.set;
  size_t mr = set->mr, nr = set->nr, strips = (p->n + mr - 1) / mr;
  // Every panel meets a block of strips before the next one does.
  for (size_t block = 0; block < strips; block += set->strips)
    for (size_t o = 0; o < outputs; o += nr)
      for (size_t strip = block; strip < qp_least(strips, block + set->strips); strip++) {
        size_t token = strip * mr;
        tile(y + token * p->outputs + o, p->outputs, tokens + token * step, step, 1, panels + o * kc, kc, qp_least(p->n - token, mr),
             qp_least(outputs - o, nr), accumulate);
      }
}

static void multiply_group(void *context, size_t index, size_t worker) {
  const product *p = context;
  const qp_kernel_set *set = p->operands.set;
  size_t first = index * p->group, outputs = qp_least(p->outputs - first, p->group);
  float *panels = p->panels + worker * QP_DECODED, *y = p->y + first;
  for (size_t k = p->first; k < p->end; k += p->kc) {
    size_t kc = qp_least(p->end - k, p->kc), steps = qp_steps(&p->operands, kc);
    pack_group(p, panels, first, outputs, k, kc);
    const float *tokens = p->in_place ? p->x + k : copied_at(p, k, kc, 0);
    multiply_panels(p, qp_tile_of(&p->operands), y, tokens, p->in_place ? p->depth : steps, panels, steps, outputs,
                    p->accumulate || k > 0);
  }
  size_t rank = p->term && p->end == p->depth ? p->term->rank : 0;
  for (size_t k = 0; k < rank; k += p->kc) {
    size_t kc = qp_least(rank - k, p->kc);
    if (p->transposed)
      qp_pack_columns(set, panels, p->term->factor + k * p->outputs + first, p->outputs, outputs, kc);
    else
      qp_pack_rows(set, panels, p->term->factor + first * rank + k, rank, outputs, kc);
    multiply_panels(p, set->gemm_tile, y, p->hidden + k, rank, panels, kc, outputs, 1);
  }
}

// Blocks of equal depth, of about kc inputs: y is read and written once for each, so a short last one costs as much as a whole one. A
// fourth more than that still stays in the nearest cache.
static size_t block_depth(size_t kc, size_t depth) {
  size_t most = kc + kc / 4, blocks = (depth + kc / 2) / kc;
  if (blocks == 0 || blocks * most < depth) blocks++;
  return qp_least(most, qp_round_up(qp_parts(depth, blocks), QP_K_UNIT));
}

// Outputs of a task: whole panels, as many as fit its scratch, so that the busiest thread has least to do. Of equals the one with at
// most six tasks a thread: a thread that something held up then leaves some to the others.
static size_t group_of(const qp_kernel_set *set, size_t outputs, size_t kc) {
  size_t panels = (outputs + set->nr - 1) / set->nr, threads = qp_thread_count(), best = 1, least_work = SIZE_MAX;
  for (size_t group = qp_least(panels, QP_DECODED / kc / set->nr); group > 0; group--) {
    size_t tasks = (panels + group - 1) / group, work = (tasks + threads - 1) / threads * group;
    if (work < least_work || (work == least_work && group * threads * 6 >= panels)) best = group, least_work = work;
  }
  return best * set->nr;
}

static void arrange_token(void *context, size_t token, size_t worker) {
  (void)worker;
  const product *p = context;
  p->operands.set->few_arrange(p->tokens + token * p->depth, p->x + token * p->depth, p->w);
}

static void few_rows_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const product *p = context;
  size_t first = i * p->group, rows = qp_least(p->outputs - first, p->group);
  p->operands.set->few_rows(p->y, p->outputs, p->tokens, p->w, first, rows, p->n, p->accumulate);
  if (p->term) qp_few_add_term(p->operands.set, p->y, p->outputs, p->term, first, rows, p->n);
}

static void few_columns_task(void *context, size_t i, size_t worker) {
  (void)worker;
  const product *p = context;
  size_t first = i * p->group;
  p->operands.set->few_columns(p->y, p->x, p->w, first, qp_least(p->outputs - first, p->group), p->n, p->accumulate);
}

// Rows that the leaves cannot read are decoded into the task's scratch and multiplied there.
static void few_decoded_task(void *context, size_t i, size_t worker) {
  const product *p = context;
  float *decoded = p->panels + worker * QP_DECODED;
  size_t first = i * p->group, rows = qp_least(p->outputs - first, p->group), most = qp_least(rows, QP_DECODED / p->depth);
  for (size_t row = first; row < first + rows; row += most) {
    size_t count = qp_least(first + rows - row, most);
    qp_matrix w = {.storage = QP_F32, .rows = count, .columns = p->depth, .values = decoded};
    qp_decode_run(p->operands.set, decoded, p->w, row * p->depth, count * p->depth);
    p->operands.set->few_rows(p->y + row, p->outputs, p->tokens, &w, 0, count, p->n, p->accumulate);
  }
  if (p->term) qp_few_add_term(p->operands.set, p->y, p->outputs, p->term, first, rows, p->n);
}

static int few_decoded(product *p) {
  qp_matrix w = {.storage = QP_F32, .rows = p->outputs, .columns = p->depth};
  if (p->transposed || p->depth > QP_DECODED || !p->operands.set->few_takes(&w, p->n, 0)) return 0;
  p->group = 16;
  for (size_t token = 0; token < p->n; token++)
    p->operands.set->few_arrange(p->tokens + token * p->depth, p->x + token * p->depth, &w);
  qp_parallel_for((p->outputs + p->group - 1) / p->group, few_decoded_task, p);
  return 1;
}

// So that the busiest thread has least to do, where every row of a task costs as much as some 64 more columns would.
static size_t few_columns_of_task(size_t outputs, size_t threads) {
  size_t best = QP_FEW_UNIT, least_work = SIZE_MAX;
  for (size_t group = QP_FEW_COLUMNS; group > 0; group -= QP_FEW_UNIT) {
    size_t whole = outputs / group, rest = outputs % group;
    size_t busiest = whole % threads ? qp_parts(whole, threads) * group : whole / threads * group + rest;
    size_t work = busiest + busiest * 64 / group;
    if (work < least_work) best = group, least_work = work;
  }
  return best;
}

static int few_tokens(product *p) {
  const qp_kernel_set *set = p->operands.set;
  if (p->n <= QP_FEW_MAX && set->few_takes && !qp_leaves_read(p->w)) return few_decoded(p);
  if (p->n > QP_FEW_MAX || !set->few_takes || !set->few_takes(p->w, p->n, p->transposed)) return 0;
  size_t threads = qp_thread_count();
  if (p->transposed) {
    p->group = few_columns_of_task(p->outputs, threads);
    qp_parallel_for(qp_parts(p->outputs, p->group), few_columns_task, p);
  } else {
    size_t row_bytes = p->w->storage == QP_Q4 ? p->depth / 2 : p->depth * qp_block_of(p->w->storage).bytes;
    p->group = qp_rows_of_stream(p->outputs, row_bytes, threads);
    for (size_t token = 0; token < p->n; token++) arrange_token(p, token, 0);
    qp_parallel_for(qp_parts(p->outputs, p->group), few_rows_task, p);
  }
  return 1;
}

static size_t token_floats(size_t n, size_t depth) {
  size_t few = QP_FEW_MAX * depth;  // which are arranged whole
  return qp_round_up(qp_least(n * depth, few > QP_ROOM ? few : QP_ROOM), 16);
}

// The term by itself, after the product.
static void add_term(const product *p, size_t n) {
  if (p->term) qp_gemm(p->y, p->term->hidden, 0, p->term->factor, !p->transposed, n, p->outputs, p->term->rank, 1);
}

// A pass decodes W once, so it takes as many tokens as there is room for with one k-block of each; a round, as many k-blocks.
static void multiply(product p, size_t n, void *scratch) {
  if (n == 0 || p.outputs == 0) return;
  if (p.depth == 0) {
    if (!p.accumulate) memset(p.y, 0, n * p.outputs * sizeof *p.y);
    add_term(&p, n);
    return;
  }
  p.tokens = scratch;
  p.panels = p.tokens + token_floats(n, p.depth);
  if (p.term) p.hidden = p.term->hidden;
  // How many tokens there are must not decide whether they are rounded.
  if (n <= QP_FEW_MAX && !p.operands.is_bf16) {
    product few = p;
    few.n = n;
    if (p.transposed || !p.operands.set->narrow_rows) few.term = NULL;
    if (few_tokens(&few)) {
      if (!few.term) add_term(&p, n);
      return;
    }
  }
  p.kc = block_depth(qp_step_width(&p.operands) * p.operands.set->kc, p.depth);
  p.group = group_of(p.operands.set, p.outputs, p.kc);
  p.in_place = !p.operands.is_bf16 && rows_lie_apart(p.operands.set, p.depth, p.kc);
  for (size_t done = 0; done < n; done += p.n, p.x += p.n * p.depth, p.y += p.n * p.outputs) {
    p.n = qp_least(n - done, QP_ROOM / p.kc);
    size_t round = p.in_place ? p.depth : QP_ROOM / p.n / p.kc * p.kc;
    for (p.first = 0; p.first < p.depth; p.first = p.end) {
      p.end = qp_least(p.depth, p.first + round);
      if (!p.in_place) qp_parallel_for((p.n + QP_COPIED - 1) / QP_COPIED, copy_tokens, &p);
      qp_parallel_for((p.outputs + p.group - 1) / p.group, multiply_group, &p);
    }
    if (p.term) p.hidden += p.n * p.term->rank;
  }
}

static size_t scratch_bytes(size_t n, size_t depth) {
  return (token_floats(n, depth) + qp_worker_limit() * QP_DECODED) * sizeof(float);
}

// What is stored in float32 is not rounded.
static qp_operands operands_of(const qp_matrix *w, int in_bf16) {
  return qp_operands_of(qp_kernels(), in_bf16 && w->storage != QP_F32);
}

void qp_matmul(float *y, const float *x, const qp_matrix *w, size_t n, int accumulate, int in_bf16, const qp_low_rank *term,
               void *scratch) {
  product p = {.operands = operands_of(w, in_bf16), .y = y, .x = x, .w = w, .outputs = w->rows, .depth = w->columns,
               .accumulate = accumulate, .term = term};
  multiply(p, n, scratch);
}

size_t qp_matmul_scratch_bytes(const qp_matrix *w, size_t n) { return scratch_bytes(n, w->columns); }

void qp_matmul_transposed(float *dx, const float *dy, const qp_matrix *w, size_t n, int accumulate, int in_bf16,
                          const qp_low_rank *term, void *scratch) {
  product p = {.operands = operands_of(w, in_bf16), .y = dx, .x = dy, .w = w, .outputs = w->columns, .depth = w->rows,
               .accumulate = accumulate, .term = term, .transposed = 1};
  multiply(p, n, scratch);
}

size_t qp_matmul_transposed_scratch_bytes(const qp_matrix *w, size_t n) { return scratch_bytes(n, w->rows); }

int qp_has_bf16(void) { return qp_has_pairs(qp_kernels()); }
