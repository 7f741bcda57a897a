/// Causal grouped-query attention, forward. A task is one tile of queries of all heads that share one key/value head: keys and
/// values are packed once for the whole group. Scores live in one tile; softmax runs along the keys (Milakov and Gimelshein
/// 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135).
#include <math.h>
#include <string.h>

#include "drivers/attention.h"
#include "threads/parallel.h"

enum {
  QP_GROUP_ROWS = 192,  // rows of a task: queries x heads of the group, about
  QP_SPANS = 8,         // most tasks that share the keys of one query
};

typedef struct {
  qp_operands operands;
  float *out, *logsumexp;
  const float *q;
  const void *k, *v;
  qp_storage stored;  // their numbers
  const qp_segment *segments;
  size_t segment_count, rows, heads, kv_heads, head, queries;  // queries: of one tile
  size_t key_step, kv_head_step;  // between keys of one head, and between heads
  float scale;
  float *scratch;
  size_t scratch_floats;
  size_t span, spans;  // keys of a task where several share those of one query, and how many do
  float *parts;        // of them
} attention;

static size_t queries_of(size_t group) {
  size_t queries = QP_GROUP_ROWS / group;
  return queries < 8 ? 8 : queries;
}

// Per worker: rows of q, panels of k and v, scores, sums, maxima and totals; keys or values that are not stored as floats.
typedef struct {
  float *q, *k, *v, *scores, *sums, *maxima, *decoded;
  double *totals;
} tile_memory;

static size_t tile_floats(size_t m, size_t head, qp_storage stored) {
  size_t rows = qp_round_up(m, QP_MAX_MR * 3), wide = qp_round_up(head, QP_MAX_NR);
  size_t decoded = stored == QP_F32 ? 0 : QP_TILE * head;
  return rows * head + QP_TILE_PADDED * head + QP_TILE_PADDED * wide + rows * QP_TILE_PADDED + rows * head + 4 * rows + 64 + decoded;
}

static size_t worker_floats(size_t m, size_t head, qp_storage stored) { return qp_round_up(tile_floats(m, head, stored), 16); }

static tile_memory tile_memory_at(float *at, size_t m, size_t head) {
  size_t rows = qp_round_up(m, QP_MAX_MR * 3), wide = qp_round_up(head, QP_MAX_NR);
  tile_memory t;
  t.totals = (double *)at, at += 2 * rows;
  t.q = at, at += rows * head;
  t.k = at, at += QP_TILE_PADDED * head;
  t.v = at, at += QP_TILE_PADDED * wide;
  t.scores = at, at += rows * QP_TILE_PADDED;
  t.sums = at, at += rows * head;
  t.maxima = at, at += 2 * rows;
  t.decoded = at;
  return t;
}

// Row `row` of keys or values of a head.
static const void *row_of(const attention *a, const void *stored, size_t kv, size_t row) {
  size_t first = row * a->key_step + kv * a->kv_head_step;
  return (const uint8_t *)stored + first * (a->stored == QP_F32 ? sizeof(float) : sizeof(uint16_t));
}

// `count` rows as floats, where they lie or decoded; their step.
static size_t rows_of(const attention *a, const float **rows, const void *stored, size_t kv, size_t row, size_t count, float *decoded) {
  const void *at = row_of(a, stored, kv, row);
  *rows = a->stored == QP_F32 ? at : decoded;
  if (a->stored == QP_F32) return a->key_step;
  for (size_t i = 0; i < count; i++) a->operands.set->decode_f16(decoded + i * a->head, (const uint16_t *)at + i * a->key_step, a->head);
  return a->head;
}

// Softmax of one row of a tile: scores become exp(scale * s - maximum); returns by what earlier sums shrink.
static float softmax_row(const attention *a, float *row, size_t valid, float *maximum, double *total) {
  float most = a->operands.set->row_max(row, valid) * a->scale, before = *maximum;
  most = most > before ? most : before;
  float shrink = before == -INFINITY ? 0 : expf(before - most);
  *total = *total * shrink + a->operands.set->exp_sum(row, row, a->scale, most, valid);
  *maximum = most;
  return shrink;
}

// Whether so few rows, as those of the one query of a text that is being written, read keys and values where they lie: packing them
// would be most of the work. How many there are must not decide whether they are rounded.
static int are_few(const qp_operands *o, size_t rows, size_t head) {
  return !o->is_bf16 && o->set->narrow_rows && rows <= QP_FEW_MAX && head % QP_THIN == 0;
}

// Sums, maxima and totals over keys from ..< to of the queries of one tile, as far as they see them; `from` a multiple of QP_TILE.
static void attend(const attention *a, const qp_segment *s, size_t kv, size_t first, size_t from, size_t to, tile_memory t) {
  const qp_operands *operands = &a->operands;
  const qp_kernel_set *set = operands->set;
  size_t group = a->heads / a->kv_heads, head = a->head, head_steps = qp_steps(operands, head);
  size_t queries = qp_least(s->query_count - first, a->queries), m = queries * group;
  int few = are_few(operands, m, head);
  size_t strip = few ? m : set->mr;
  size_t q_stride = a->heads * head;
  const float *q = a->q + (s->query_start + first) * q_stride + kv * group * head;
  // Row r of the task is query r / group, head r % group of the group: such rows lie head after head in q.
  for (size_t i = 0; i < m; i++) {
    qp_operand_row(operands, t.q + i * head, q + i / group * q_stride + i % group * head, head);
    t.maxima[i] = -INFINITY, t.totals[i] = 0;
  }
  size_t keys = qp_least(qp_visible(s, first + queries - 1), to);
  for (size_t start = from; start < keys; start += QP_TILE) {
    size_t count = qp_least(keys - start, QP_TILE), ld = QP_TILE_PADDED;
    size_t key = s->key_start + start;
    if (!few) {
      const float *rows;
      size_t step = rows_of(a, &rows, a->k, kv, key, count, t.decoded);
      qp_pack_rows(set, t.k, rows, step, count, head);
      step = rows_of(a, &rows, a->v, kv, key, count, t.decoded);
      qp_pack_columns(set, t.v, rows, step, head, count);
      qp_operand_panels(operands, t.k, t.k, count, head);
      qp_operand_panels(operands, t.v, t.v, head, count);
    }
    for (size_t i = 0; i < m; i += strip) {
      size_t rows = qp_least(m - i, strip), last = qp_visible(s, first + (i + rows - 1) / group);
      if (last <= start) continue;  // these rows see nothing of the tile
      size_t depth = qp_least(last - start, count);
      float *scores = t.scores + i * ld;
      if (few)
        set->narrow_rows(scores, ld, t.q + i * head, row_of(a, a->k, kv, key), a->stored != QP_F32, a->key_step, depth, head, rows, 0);
      else
        qp_tiles(operands, scores, ld, t.q + i * head, head, 1, t.k, head_steps, head_steps, rows, depth, 0);
      for (size_t r = 0; r < rows; r++) {
        size_t visible = qp_visible(s, first + (i + r) / group);
        size_t valid = visible <= start ? 0 : qp_least(visible - start, depth);
        float *row = scores + r * ld;
        for (size_t c = valid; c < depth; c++) row[c] = 0;
        if (valid == 0) continue;
        float shrink = softmax_row(a, row, valid, t.maxima + i + r, t.totals + i + r);
        if (start > from && shrink != 1) set->scale(t.sums + (i + r) * head, shrink, head);
        qp_operand_row(operands, row, row, depth);
      }
      float *sums = t.sums + i * head;
      if (few)
        set->narrow_columns(sums, head, scores, ld, row_of(a, a->v, kv, key), a->stored != QP_F32, a->key_step, depth, head, rows,
                            start > from);
      else
        qp_tiles(operands, sums, head, scores, ld, 1, t.v, qp_steps(operands, count), qp_steps(operands, depth), rows, head, start > from);
    }
  }
}

static void finish_row(const attention *a, float *sums, float maximum, double total, size_t row, size_t h) {
  a->operands.set->scale(sums, (float)(1 / total), a->head);
  memcpy(a->out + (row * a->heads + h) * a->head, sums, a->head * sizeof(float));
  if (a->logsumexp) a->logsumexp[h * a->rows + row] = (float)(maximum + log(total));
}

static size_t tiles_of(const attention *a, const qp_segment *s) { return (s->query_count + a->queries - 1) / a->queries; }

static void attend_task(void *context, size_t index, size_t worker) {
  const attention *a = context;
  size_t group = a->heads / a->kv_heads;
  tile_memory t = tile_memory_at(a->scratch + worker * a->scratch_floats, a->queries * group, a->head);
  const qp_segment *s = a->segments;
  while (index >= tiles_of(a, s) * a->kv_heads) index -= tiles_of(a, s++) * a->kv_heads;
  size_t tile = tiles_of(a, s) - 1 - index / a->kv_heads;  // the last tiles see most keys: they go first
  size_t first = tile * a->queries, kv = index % a->kv_heads, m = qp_least(s->query_count - first, a->queries) * group;
  attend(a, s, kv, first, 0, SIZE_MAX, t);
  for (size_t i = 0; i < m; i++)
    finish_row(a, t.sums + i * a->head, t.maxima[i], t.totals[i], s->query_start + first + i / group, kv * group + i % group);
}

// One query has too few tiles for all threads: several tasks share its keys, and their parts are joined in order (as "flash decoding"
// does, https://crfm.stanford.edu/2023/10/12/flashdecoding.html). A part holds what is kept of the rows of one key/value head.
static size_t part_floats(size_t group, size_t head) { return qp_round_up(group * (head + 3), 16); }

static tile_memory with_part(tile_memory t, const attention *a, size_t kv, size_t span) {
  size_t group = a->heads / a->kv_heads;
  float *at = a->parts + (kv * a->spans + span) * part_floats(group, a->head);
  t.totals = (double *)at, at += 2 * group;
  t.sums = at, at += group * a->head;
  t.maxima = at;
  return t;
}

static void span_task(void *context, size_t index, size_t worker) {
  const attention *a = context;
  size_t kv = index / a->spans, span = index % a->spans;
  tile_memory t = tile_memory_at(a->scratch + worker * a->scratch_floats, a->queries * (a->heads / a->kv_heads), a->head);
  attend(a, a->segments, kv, 0, span * a->span, (span + 1) * a->span, with_part(t, a, kv, span));
}

static void join_spans(const attention *a, size_t kv) {
  size_t group = a->heads / a->kv_heads, head = a->head;
  tile_memory all = with_part((tile_memory){0}, a, kv, 0);
  for (size_t span = 1; span < a->spans; span++) {
    tile_memory t = with_part((tile_memory){0}, a, kv, span);
    for (size_t i = 0; i < group; i++) {
      float most = fmaxf(all.maxima[i], t.maxima[i]), shrink = expf(all.maxima[i] - most), factor = expf(t.maxima[i] - most);
      if (shrink != 1) a->operands.set->scale(all.sums + i * head, shrink, head);
      a->operands.set->axpy(all.sums + i * head, t.sums + i * head, factor, head);
      all.totals[i] = all.totals[i] * shrink + t.totals[i] * factor;
      all.maxima[i] = most;
    }
  }
  for (size_t i = 0; i < group; i++)
    finish_row(a, all.sums + i * head, all.maxima[i], all.totals[i], a->segments->query_start, kv * group + i);
}

void qp_attention(float *out, float *logsumexp, const float *q, const void *k, const void *v, qp_storage stored, size_t head_rows,
                  const qp_segment *segments, size_t segment_count, size_t rows, size_t heads, size_t kv_heads, size_t head,
                  float scale, int in_bf16, void *scratch) {
  attention a = {.operands = qp_operands_of(qp_kernels(), in_bf16), .out = out, .logsumexp = logsumexp, .q = q, .k = k, .v = v,
                 .stored = stored, .segments = segments, .segment_count = segment_count, .rows = rows, .heads = heads,
                 .kv_heads = kv_heads, .head = head, .key_step = head_rows ? head : kv_heads * head,
                 .kv_head_step = head_rows ? head_rows * head : head, .scale = scale, .scratch = scratch};
  int is_one_query = segment_count == 1 && segments->query_count == 1;
  a.queries = is_one_query ? 1 : queries_of(heads / kv_heads);
  a.scratch_floats = worker_floats(a.queries * (heads / kv_heads), head, stored);
  if (is_one_query) {
    a.span = qp_round_up(qp_parts(segments->key_count, QP_SPANS), QP_TILE);
    a.spans = qp_parts(segments->key_count, a.span);
    a.parts = a.scratch + qp_worker_limit() * a.scratch_floats;
    qp_parallel_for(kv_heads * a.spans, span_task, &a);
    for (size_t kv = 0; kv < kv_heads; kv++) join_spans(&a, kv);
    return;
  }
  size_t tasks = 0;
  for (size_t i = 0; i < segment_count; i++) tasks += tiles_of(&a, segments + i) * kv_heads;
  qp_parallel_for(tasks, attend_task, &a);
}

size_t qp_attention_scratch_bytes(qp_storage stored, size_t heads, size_t kv_heads, size_t head) {
  size_t group = heads / kv_heads, workers = qp_worker_limit();
  size_t floats = workers * worker_floats(queries_of(group) * group, head, stored);
  size_t of_one_query = workers * worker_floats(group, head, stored) + QP_SPANS * kv_heads * part_floats(group, head);
  return (floats > of_one_query ? floats : of_one_query) * sizeof(float);
}

void qp_cache_rows(void *cache, qp_storage stored, size_t head_rows, size_t first, const float *x, size_t n, size_t kv_heads, size_t head) {
  const qp_kernel_set *set = qp_kernels();
  for (size_t row = 0; row < n; row++)
    for (size_t h = 0; h < kv_heads; h++, x += head) {
      size_t at = (h * head_rows + first + row) * head;
      if (stored == QP_F32)
        memcpy((float *)cache + at, x, head * sizeof(float));
      else
        set->encode_f16((uint16_t *)cache + at, x, head);
    }
}
