/// Causal grouped-query attention, backward. Scores are computed again tile by tile from logsumexp. A task owns some key tiles
/// of one key/value head, so dk and dv have one writer; the parts of dq that different key tiles give are kept apart and
/// added in order at the end. How many parts there are depends on shapes alone. On the diagonal a strip of a tile ends, or begins,
/// with what its rows see.
#include <math.h>
#include <string.h>

#include "drivers/attention.h"
#include "threads/parallel.h"

typedef struct {
  qp_operands operands;
  float *dq, *dk, *dv, *delta, *partial;
  const float *dout, *out, *logsumexp, *q, *k, *v;
  const qp_segment *segments;
  size_t segment_count, rows, heads, kv_heads, head, parts, pieces;
  float scale;
  float *scratch;
  size_t scratch_floats;
} attention;

// So many that all cores have work: what shares no dk and dv is a task anyway.
static size_t parts_of(size_t tasks) { return tasks < 8 ? 4 : tasks < 16 ? 2 : 1; }

static size_t tile_floats(size_t head) {
  size_t wide = qp_round_up(head, QP_MAX_NR);
  return 4 * QP_TILE_PADDED * head + 3 * QP_TILE_PADDED * wide + 2 * QP_TILE_PADDED * QP_TILE_PADDED;
}

// rows of `a` times rows of `b`, per head: what softmax's backward subtracts.
static void delta_task(void *context, size_t row, size_t worker) {
  (void)worker;
  const attention *a = context;
  for (size_t h = 0; h < a->heads; h++) {
    size_t at = (row * a->heads + h) * a->head;
    a->delta[h * a->rows + row] = (float)a->operands.set->dot(a->dout + at, a->out + at, a->head);
  }
}

typedef struct {
  float *q, *dout;                     // rows
  float *k_panels, *v_panels;          // [head] deep
  float *k_wide, *q_wide, *dout_wide;  // panels over the head
  float *p, *ds, *strip;               // strip: rows of ds in pairs, where pairs leave half of dout_wide free
} tile_memory;

_Static_assert(QP_MAX_MR * QP_TILE_PADDED <= QP_TILE_PADDED * QP_MAX_NR / 2, "a strip has room");

static tile_memory tile_memory_at(float *at, size_t head) {
  size_t deep = QP_TILE_PADDED * head, wide = QP_TILE_PADDED * qp_round_up(head, QP_MAX_NR), square = QP_TILE_PADDED * QP_TILE_PADDED;
  tile_memory t;
  t.k_panels = at, at += deep;
  t.v_panels = at, at += deep;
  t.q = at, at += deep;
  t.dout = at, at += deep;
  t.k_wide = at, at += wide;
  t.q_wide = at, at += wide;
  t.dout_wide = at, at += wide;
  t.p = at, at += square;
  t.ds = at;
  t.strip = t.dout_wide + wide / 2;
  return t;
}

// How many of the keys [start, +count) a query sees.
static size_t seen(const qp_segment *s, size_t query, size_t start, size_t count) {
  size_t visible = qp_visible(s, query);
  return visible <= start ? 0 : qp_least(visible - start, count);
}

// One tile of keys [start, +count) against one tile of queries [first, +queries) of one head.
static void one_tile(const attention *a, const qp_segment *s, size_t kv, size_t h, size_t start, size_t count, size_t first,
                     size_t queries, float *dq, tile_memory t) {
  const qp_operands *operands = &a->operands;
  const qp_kernel_set *set = operands->set;
  size_t head = a->head, head_steps = qp_steps(operands, head), ld = QP_TILE_PADDED, mr = set->mr;
  size_t q_stride = a->heads * head, kv_stride = a->kv_heads * head, row = s->query_start + first;
  const float *q = a->q + row * q_stride + h * head, *dout = a->dout + row * q_stride + h * head;
  qp_copy_rows(t.q, q, q_stride, queries, head);
  qp_copy_rows(t.dout, dout, q_stride, queries, head);
  qp_pack_columns(set, t.q_wide, t.q, head, head, queries);
  qp_pack_columns(set, t.dout_wide, t.dout, head, head, queries);
  qp_operand_panels(operands, t.q_wide, t.q_wide, head, queries);
  qp_operand_panels(operands, t.dout_wide, t.dout_wide, head, queries);
  for (size_t i = 0; i < queries; i++) {
    qp_operand_row(operands, t.q + i * head, t.q + i * head, head);
    qp_operand_row(operands, t.dout + i * head, t.dout + i * head, head);
  }
  for (size_t i = 0; i < queries; i += mr) {
    size_t rows = qp_least(queries - i, mr), keys = seen(s, first + i + rows - 1, start, count);
    float *strip = operands->pairs ? t.strip : t.ds + i * ld;
    qp_tiles(operands, t.p + i * ld, ld, t.q + i * head, head, 1, t.k_panels, head_steps, head_steps, rows, keys, 0);
    qp_tiles(operands, t.ds + i * ld, ld, t.dout + i * head, head, 1, t.v_panels, head_steps, head_steps, rows, keys, 0);
    for (size_t j = i; j < i + rows; j++) {
      size_t valid = seen(s, first + j, start, count), statistic = h * a->rows + row + j;
      float *p = t.p + j * ld, *ds = t.ds + j * ld;
      set->softmax_backward(p, ds, a->scale, a->logsumexp[statistic], a->delta[statistic], valid);
      for (size_t c = valid; c < count; c++) p[c] = ds[c] = 0;
      qp_operand_row(operands, strip + (j - i) * ld, ds, keys);
    }
    qp_tiles(operands, dq + (row + i) * q_stride + h * head, q_stride, strip, ld, 1, t.k_wide, qp_steps(operands, count),
             qp_steps(operands, keys), rows, head, 1);
  }
  qp_operand_columns(operands, t.p, ld, count, queries);
  qp_operand_columns(operands, t.ds, ld, count, queries);
  for (size_t i = 0; i < count; i += mr) {
    size_t keys = qp_least(count - i, mr), at = (s->key_start + start + i) * kv_stride + kv * head;
    size_t before = s->key_count - s->query_count + first;
    size_t from = start + i > before ? start + i - before : 0;  // the first query that sees key i
    if (from >= queries) break;
    size_t first_step = from / qp_step_width(operands), steps = qp_steps(operands, queries), skipped = first_step * set->nr;
    qp_tiles(operands, a->dv + at, kv_stride, t.p + first_step * ld + i, 1, ld, t.dout_wide + skipped, steps, steps - first_step, keys, head,
             1);
    qp_tiles(operands, a->dk + at, kv_stride, t.ds + first_step * ld + i, 1, ld, t.q_wide + skipped, steps, steps - first_step, keys, head,
             1);
  }
}

static void backward_task(void *context, size_t index, size_t worker) {
  const attention *a = context;
  size_t part = index / (a->segment_count * a->kv_heads), rest = index % (a->segment_count * a->kv_heads);
  const qp_segment *s = a->segments + rest / a->kv_heads;
  size_t kv = rest % a->kv_heads, group = a->heads / a->kv_heads, head = a->head;
  size_t q_stride = a->heads * head, kv_stride = a->kv_heads * head;
  tile_memory t = tile_memory_at(a->scratch + worker * a->scratch_floats, head);
  if (part > 0 && part * QP_TILE >= s->key_count) return;
  float *dq = part == 0 ? a->dq : a->partial + (part - 1) * a->rows * q_stride;
  for (size_t j = 0; j < s->query_count; j++)
    memset(dq + (s->query_start + j) * q_stride + kv * group * head, 0, group * head * sizeof(float));
  for (size_t start = part * QP_TILE; start < s->key_count; start += a->parts * QP_TILE) {
    size_t count = qp_least(s->key_count - start, QP_TILE);
    const float *k = a->k + (s->key_start + start) * kv_stride + kv * head;
    const float *v = a->v + (s->key_start + start) * kv_stride + kv * head;
    for (size_t i = 0; i < count; i++) {
      memset(a->dk + (s->key_start + start + i) * kv_stride + kv * head, 0, head * sizeof(float));
      memset(a->dv + (s->key_start + start + i) * kv_stride + kv * head, 0, head * sizeof(float));
    }
    qp_pack_rows(a->operands.set, t.k_panels, k, kv_stride, count, head);
    qp_pack_rows(a->operands.set, t.v_panels, v, kv_stride, count, head);
    qp_pack_columns(a->operands.set, t.k_wide, k, kv_stride, head, count);
    qp_operand_panels(&a->operands, t.k_panels, t.k_panels, count, head);
    qp_operand_panels(&a->operands, t.v_panels, t.v_panels, count, head);
    qp_operand_panels(&a->operands, t.k_wide, t.k_wide, head, count);
    for (size_t h = kv * group; h < (kv + 1) * group; h++)
      for (size_t first = 0; first < s->query_count; first += QP_TILE) {
        size_t queries = qp_least(s->query_count - first, QP_TILE);
        if (qp_visible(s, first + queries - 1) > start) one_tile(a, s, kv, h, start, count, first, queries, dq, t);
      }
  }
}

// Some rows of a segment: those of all its parts.
static void sum_task(void *context, size_t index, size_t worker) {
  (void)worker;
  const attention *a = context;
  const qp_segment *s = a->segments + index / a->pieces;
  size_t width = a->heads * a->head, piece = qp_rows_of_piece(width), first = index % a->pieces * piece;
  if (first >= s->query_count) return;
  size_t at = (s->query_start + first) * width, count = qp_least(s->query_count - first, piece) * width;
  for (size_t part = 1; part < a->parts && part * QP_TILE < s->key_count; part++)
    a->operands.set->add(a->dq + at, a->dq + at, a->partial + (part - 1) * a->rows * width + at, count);
}

void qp_attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *logsumexp,
                           const float *q, const float *k, const float *v, const qp_segment *segments, size_t segment_count,
                           size_t rows, size_t heads, size_t kv_heads, size_t head, float scale, int in_bf16, void *scratch) {
  attention a = {.operands = qp_operands_of(qp_kernels(), in_bf16), .dq = dq, .dk = dk, .dv = dv, .dout = dout, .out = out,
                 .logsumexp = logsumexp, .q = q, .k = k, .v = v, .segments = segments, .segment_count = segment_count, .rows = rows, .heads = heads,
                 .kv_heads = kv_heads, .head = head, .parts = parts_of(kv_heads * segment_count), .scale = scale};
  a.delta = scratch;
  a.pieces = qp_parts(rows, qp_rows_of_piece(heads * head));
  a.partial = a.delta + qp_round_up(rows * heads, 16);
  a.scratch = a.partial + qp_round_up((a.parts - 1) * rows * heads * head, 16);
  a.scratch_floats = qp_round_up(tile_floats(head), 16);
  qp_parallel_for(rows, delta_task, &a);
  qp_parallel_for(segment_count * kv_heads * a.parts, backward_task, &a);
  if (a.parts > 1) qp_parallel_for(segment_count * a.pieces, sum_task, &a);
}

size_t qp_attention_backward_scratch_bytes(size_t rows, size_t heads, size_t kv_heads, size_t head) {
  size_t floats = qp_round_up(rows * heads, 16) + qp_round_up((parts_of(kv_heads) - 1) * rows * heads * head, 16) +
                  qp_worker_limit() * qp_round_up(tile_floats(head), 16);
  return floats * sizeof(float);
}
