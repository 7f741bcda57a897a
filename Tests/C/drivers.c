/// Everything of the public header that uses threads: the same bits with 1, 2 and 3 of them, and right where the leaves' tests
/// do not already say so (products, attention).
#include "check.h"
#include "reference/leaves.h"

enum { MOST = 8 };

/// Output arrays of one call, compared between thread counts.
typedef struct {
  size_t count, bytes[MOST];
  const void *start[MOST];
  void *now[MOST], *first[MOST];
} outputs;

static void add_output(outputs *o, const void *start, size_t bytes) {
  o->start[o->count] = start, o->bytes[o->count] = bytes, o->now[o->count] = room(bytes), o->first[o->count] = room(bytes);
  o->count++;
}

/// Scratch of the size asked for, to the byte.
static void *scratch_of(size_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  void *memory = aligned_alloc(64, bytes ? bytes : 64);
  if (!memory) abort();
  return memory;
}

#define WITH_THREADS(o, body)                                                                                        \
  for (size_t threads = 1; threads <= 3; threads++) {                                                                \
    qp_set_thread_count(threads);                                                                                    \
    for (size_t i = 0; i < (o).count; i++) memcpy((o).now[i], (o).start[i], (o).bytes[i]);                           \
    body;                                                                                                            \
    for (size_t i = 0; i < (o).count; i++) {                                                                         \
      if (threads == 1) memcpy((o).first[i], (o).now[i], (o).bytes[i]);                                              \
      same("threads change the result", (o).now[i], (o).first[i], (o).bytes[i]);                                     \
    }                                                                                                                \
  }

static float in_bf16(float x) {
  qp_ref_round_bf16(&x, 1);
  return x;
}

static void product_in(test_matrix *w, size_t n, int transposed, int is_bf16) {
  size_t rows = w->view.rows, columns = w->view.columns;
  size_t inputs = transposed ? rows : columns, results = n * (transposed ? columns : rows);
  size_t rank = next() % 3 ? 1 + next() % 40 : next() % 2 ? 0 : 600;
  at("%s %zu x %zu, %zu tokens, transposed %d, rank %zu, bf16 %d", w->storage, rows, columns, n, transposed, rank, is_bf16);
  float *x = random_floats(n * inputs, 1), *hidden = random_floats(n * rank + 1, 1);
  float *factor = random_floats(results / n * rank + 1, 1);
  qp_low_rank sum = {.hidden = hidden, .factor = factor, .rank = rank}, *term = rank ? &sum : NULL;
  double *exact = room_doubles(results), *bound = room_doubles(results);
  for (size_t i = 0; i < results; i++) {
    size_t t = i / (results / n), o = i % (results / n);
    for (size_t k = 0; k < inputs; k++) {
      float value = x[t * inputs + k], weight = w->dense[transposed ? k * columns + o : o * columns + k];
      if (is_bf16 && w->view.storage != QP_F32) value = in_bf16(value), weight = in_bf16(weight);
      double term = (double)value * weight;
      exact[i] += term, bound[i] += (double)(inputs + rank + 4) * EPS * fabs(term);
    }
    for (size_t k = 0; k < rank; k++) {
      double term = (double)hidden[t * rank + k] * factor[transposed ? k * (results / n) + o : o * rank + k];
      exact[i] += term, bound[i] += (double)(inputs + rank + 4) * EPS * fabs(term);
    }
  }
  outputs o = {0};
  add_output(&o, random_floats(results, 1), results * sizeof(float));
  void *scratch = scratch_of(transposed ? qp_matmul_transposed_scratch_bytes(&w->view, n) : qp_matmul_scratch_bytes(&w->view, n));
  WITH_THREADS(o, (transposed ? qp_matmul_transposed : qp_matmul)(o.now[0], x, &w->view, n, 0, is_bf16, term, scratch));
  free(scratch);
  within("product", o.now[0], exact, bound, results);
}

static void product(test_matrix *w, size_t n, int transposed) {
  for (int is_bf16 = 0; is_bf16 < 2; is_bf16++) product_in(w, n, transposed, is_bf16);
}

/// One token in fixed point: x and the levels rounded to 15 bits, x with a scale for every 64 columns. The largest level is 1.
static void fixed_point(size_t rows, size_t columns, size_t rank, int storage) {
  test_matrix w = matrix_of(storage, rows, columns);
  at("fixed point, %s %zu x %zu, rank %zu", w.storage, rows, columns, rank);
  float *x = random_floats(columns, 1), *hidden = random_floats(rank, 1), *factor = random_floats(rows * rank, 1);
  double *exact = room_doubles(rows), *bound = room_doubles(rows);
  for (size_t r = 0; r < rows; r++) {
    for (size_t k = 0; k < rank; k++) {
      double term = (double)hidden[k] * factor[r * rank + k];
      exact[r] += term, bound[r] += (double)(rank + 3) * EPS * fabs(term);
    }
    for (size_t k = 0; k < columns; k += 64) {
      double most = 0, sizes = 0, weights = 0, scale = 0, products = 0;
      for (size_t i = k; i < k + 64; i++) {
        double value = w.dense[r * columns + i];
        exact[r] += value * x[i], products += fabs(value * x[i]), weights += fabs(value), sizes += fabs(x[i]);
        most = fmax(most, fabs(x[i])), scale = fmax(scale, fabs(value));
      }
      // A scale is at most eight times the largest weight of its run, unless all 64 codes are small ones.
      bound[r] += (most * weights + 8 * scale * sizes) / 32700 + (double)(columns + 8) * EPS * products;
    }
  }
  outputs o = {0};
  add_output(&o, random_floats(rows, 1), rows * sizeof(float));
  void *scratch = scratch_of(qp_matmul_scratch_bytes(&w.view, 1));
  const qp_low_rank term = {.hidden = hidden, .factor = factor, .rank = rank};
  WITH_THREADS(o, qp_matmul_fixed(o.now[0], x, &w.view, 1, &term, scratch));
  free(scratch);
  within("fixed point", o.now[0], exact, bound, rows);
  clear();
}

/// Rows that lie in another order are no matter for the leaves of fixed point: the product is that of floats.
static void fixed_point_of_interleaved(void) {
  test_matrix w = matrix_of(3, 64, 128);
  w.view.interleaved_head = 32;
  at("fixed point, rows interleaved");
  float *x = random_floats(128, 1), *found = room_floats(64), *expected = room_floats(64);
  void *scratch = scratch_of(qp_matmul_scratch_bytes(&w.view, 1));
  qp_matmul_fixed(found, x, &w.view, 1, NULL, scratch);
  qp_matmul(expected, x, &w.view, 1, 0, 0, NULL, scratch);
  free(scratch);
  same("fixed point", found, expected, 64 * sizeof(float));
  clear();
}

/// Numbers so large that scales or sums of runs might not be finite: the product is that of floats. Tiny ones count as zero.
static void fixed_point_of_extremes(qp_matrix w, const char *storage) {
  float *found = room_floats(w.rows), *expected = room_floats(w.rows);
  void *scratch = scratch_of(qp_matmul_scratch_bytes(&w, 1));
  static const float sizes[] = {0x1p101f, 0x1p127f, INFINITY, NAN};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int alone = 0; alone < 2; alone++) {
      at("fixed point, %s, numbers of %g, alone %d", storage, (double)sizes[i], alone);
      float *x = random_floats(w.columns, 1);
      for (size_t k = 0; k < (alone ? 1 : w.columns); k++) x[k] = sizes[i];
      qp_matmul_fixed(found, x, &w, 1, NULL, scratch);
      qp_matmul(expected, x, &w, 1, 0, 0, NULL, scratch);
      same_numbers("product", found, expected, w.rows);
    }
  at("fixed point, %s, tiny numbers", storage);
  qp_matmul_fixed(found, random_floats(w.columns, 0x1p-101f), &w, 1, NULL, scratch);
  for (size_t r = 0; r < w.rows; r++) holds("product is zero", found[r] == 0);
  free(scratch);
  clear();
}

/// No inputs: the product is zero, or what was there, and the term. No outputs: nothing.
static void products_of_nothing(void) {
  static const size_t tokens[] = {0, 1, 9};
  for (int storage = 0; storage < STORAGES; storage++)
    for (size_t t = 0; t < 3; t++)
      for (int transposed = 0; transposed < 2; transposed++) {
        size_t n = tokens[t];
        test_matrix none[2] = {matrix_of(storage, 7, 0), matrix_of(storage, 0, 7)}, *w = &none[transposed];
        for (int i = 0; n && i < 2; i++) product(&none[i], n, transposed);
        at("%s %zu x %zu, %zu tokens, transposed %d", w->storage, w->view.rows, w->view.columns, n, transposed);
        float *start = random_floats(n * 7, 1), *y = copy_of(start, n * 7 * sizeof(float));
        void *scratch = scratch_of(transposed ? qp_matmul_transposed_scratch_bytes(&w->view, n) : qp_matmul_scratch_bytes(&w->view, n));
        (transposed ? qp_matmul_transposed : qp_matmul)(y, room(0), &w->view, n, 1, 0, NULL, scratch);
        free(scratch);
        same("accumulated product", y, start, n * 7 * sizeof(float));
        clear();
      }
}

static void products(void) {
  products_of_nothing();
  fixed_point_of_interleaved();
  fixed_point_of_extremes(matrix_of(3, 20, 128).view, "nf4");
  uint8_t *blocks = random_bytes(20 * 8 * 24);
  for (size_t i = 0; i < 20 * 8 * 24; i++) blocks[i] &= 63;  // no scale is infinite or NaN
  fixed_point_of_extremes((qp_matrix){.storage = QP_GGML_Q5_1, .rows = 20, .columns = 256, .values = blocks}, "q5_1");
  for (int storage = 0; storage <= LARGE_NESTED; storage++) {
    fixed_point(70, 320, 5, storage), fixed_point(70, 320, 16, storage);
    fixed_point(3, 4160, 8, storage), fixed_point(41, 64, 144, storage);
    fixed_point(5, 0, 8, storage), fixed_point(0, 64, 8, storage);
  }
  static const size_t shapes[][2] = {{33, 31}, {300, 64}, {70, 288}}, tokens[] = {1, 3, 9, 29};
  for (int storage = 0; storage < STORAGES; storage++)
    for (size_t s = 0; s < 3; s++)
      for (size_t t = 0; t < 4; t++)
        for (int transposed = 0; transposed < 2; transposed++) {
          test_matrix w = matrix_of(storage, shapes[s][0], shapes[s][1]);
          product(&w, tokens[t], transposed);
          clear();
        }
  test_matrix wide = matrix_of(4, 34, 1024);  // blocks that span several panels
  product(&wide, 9, 0);
  product(&wide, 9, 1);
  clear();
  test_matrix w = matrix_of(3, 40, 64);
  product(&w, 600, 0);
  product(&w, 600, 1);
  for (size_t n = 9; n < 24; n++) product(&w, n, 0);  // tiles of every height
  clear();
  test_matrix odd = matrix_of(3, 3, 2625);  // several k-blocks, the last one odd, in two rounds
  product(&odd, 900, 0);
  clear();
  test_matrix odd_rows = matrix_of(3, 2625, 32);
  product(&odd_rows, 900, 1);
  clear();
  test_matrix passes = matrix_of(3, 3, 1280);  // more tokens than there is room for with one k-block of each: in bfloat16,
  product(&passes, 1700, 0);
  clear();
  test_matrix passes_of_floats = matrix_of(3, 3, 640);  // and as floats
  product(&passes_of_floats, 3300, 0);
  clear();
  test_matrix apart = matrix_of(3, 40, 576);  // rows that are read where they lie
  product(&apart, 70, 0);
  clear();
  test_matrix high = matrix_of(3, 832, 32);
  product(&high, 1700, 1);
  clear();
}

typedef struct {
  size_t rows, heads, kv_heads, head, segment_count;
  qp_segment segments[3];
  float scale;
} attention_case;

/// Attention as its formula has it, in double; gradients too if dout.
static void plain_attention(const attention_case *a, const float *q, const float *k, const float *v, const float *dout,
                            double *out, double *dq, double *dk, double *dv) {
  size_t group = a->heads / a->kv_heads, head = a->head;
  for (size_t i = 0; i < a->segment_count; i++)
    for (size_t j = 0; j < a->segments[i].query_count; j++)
      for (size_t h = 0; h < a->heads; h++) {
        const qp_segment *s = &a->segments[i];
        size_t keys = s->key_count - s->query_count + j + 1, row = ((s->query_start + j) * a->heads + h) * head;
        double *p = room_doubles(keys), total = 0, delta = 0;
#define KEY(c) (((s->key_start + (c)) * a->kv_heads + h / group) * head)
        for (size_t c = 0; c < keys; c++) {
          for (size_t e = 0; e < head; e++) p[c] += (double)q[row + e] * k[KEY(c) + e];
          total += p[c] = exp(p[c] * a->scale);
        }
        for (size_t c = 0; c < keys; c++) {
          p[c] /= total;
          for (size_t e = 0; e < head; e++) out[row + e] += p[c] * v[KEY(c) + e];
        }
        for (size_t e = 0; e < head; e++) delta += out[row + e] * dout[row + e];
        for (size_t c = 0; c < keys; c++) {
          double dp = 0;
          for (size_t e = 0; e < head; e++) dp += (double)dout[row + e] * v[KEY(c) + e];
          double ds = p[c] * (dp - delta) * a->scale;
          for (size_t e = 0; e < head; e++) {
            dq[row + e] += ds * k[KEY(c) + e];
            dk[KEY(c) + e] += ds * q[row + e];
            dv[KEY(c) + e] += p[c] * dout[row + e];
          }
        }
#undef KEY
      }
}

// Keys and values in float16 are those numbers as float32, bit for bit, in both orders; a cache takes rows in several parts.
static void attention_of_halves(const attention_case *a, const float *q, const float *k, const float *v) {
  size_t size = a->rows * a->heads * a->head, kv = a->rows * a->kv_heads * a->head, part = a->rows / 3, width = a->kv_heads * a->head;
  const qp_kernel_set *set = qp_kernels();
  void *scratch = scratch_of(qp_attention_scratch_bytes(QP_F16, a->heads, a->kv_heads, a->head));
  float *found = random_floats(size, 1), *expected = copy_of(found, size * sizeof(float));
  float *rounded[2] = {room_floats(kv), room_floats(kv)};
  uint16_t *halves[2] = {room(kv * sizeof(uint16_t)), room(kv * sizeof(uint16_t))};
  for (int by_head = 0; by_head < 2; by_head++) {
    at("attention of float16, %zu rows, %zu/%zu heads of %zu, by head %d", a->rows, a->heads, a->kv_heads, a->head, by_head);
    for (int i = 0; i < 2; i++) {
      const float *x = i ? v : k;
      if (by_head) {
        qp_cache_rows(halves[i], QP_F16, a->rows, 0, x, part, a->kv_heads, a->head);
        qp_cache_rows(halves[i], QP_F16, a->rows, part, x + part * width, a->rows - part, a->kv_heads, a->head);
      } else {
        set->encode_f16(halves[i], x, kv);
      }
      set->decode_f16(rounded[i], halves[i], kv);
    }
    size_t head_rows = by_head ? a->rows : 0;
    qp_attention(found, NULL, q, halves[0], halves[1], QP_F16, head_rows, a->segments, a->segment_count, a->rows, a->heads, a->kv_heads,
                 a->head, a->scale, 0, scratch);
    qp_attention(expected, NULL, q, rounded[0], rounded[1], QP_F32, head_rows, a->segments, a->segment_count, a->rows, a->heads,
                 a->kv_heads, a->head, a->scale, 0, scratch);
    same("attention", found, expected, size * sizeof(float));
  }
  free(scratch);
}

// In bfloat16 operands that are such numbers are not changed by rounding; p and ds are.
static void attention_in(const attention_case *a, int in_bf16) {
  size_t size = a->rows * a->heads * a->head, kv = a->rows * a->kv_heads * a->head, head = a->head;
  at("attention, %zu rows, %zu/%zu heads of %zu, bf16 %d", a->rows, a->heads, a->kv_heads, head, in_bf16);
  float *q = random_floats(size, 1), *k = random_floats(kv, 1), *v = random_floats(kv, 1), *dout = random_floats(size, 1);
  double *out = room_doubles(size), *dq = room_doubles(size), *dk = room_doubles(kv), *dv = room_doubles(kv);
  double rounding = in_bf16 ? 1.0 / 512 : 0;
  if (in_bf16) {
    qp_ref_round_bf16(q, size), qp_ref_round_bf16(dout, size);
    qp_ref_round_bf16(k, kv), qp_ref_round_bf16(v, kv);
  }
  plain_attention(a, q, k, v, dout, out, dq, dk, dv);

  // A score is off by (head + 2) roundings of a sum of at most `head`, an exponential by that and a few of its own, a weight p
  // by twice as much, relatively; sums over keys add one rounding a key.
  double weight = 2 * EPS * ((double)((head + 2) * head) * a->scale + 8), keys = (double)a->rows;
  double *bound = room_doubles(size);
  for (size_t i = 0; i < size; i++) bound[i] = weight + EPS * keys + rounding;
  outputs o = {0};
  add_output(&o, room(size * sizeof(float)), size * sizeof(float));
  add_output(&o, room(a->heads * a->rows * sizeof(float)), a->heads * a->rows * sizeof(float));
  void *scratch = scratch_of(qp_attention_scratch_bytes(QP_F32, a->heads, a->kv_heads, head));
  WITH_THREADS(o, qp_attention(o.now[0], o.now[1], q, k, v, QP_F32, 0, a->segments, a->segment_count, a->rows, a->heads, a->kv_heads,
                               head, a->scale, in_bf16, scratch));
  // Head after head, as a cache keeps them: the same.
  float *k_by_head = room_floats(kv), *v_by_head = room_floats(kv), *same_out = room_floats(size);
  qp_cache_rows(k_by_head, QP_F32, a->rows, 0, k, a->rows, a->kv_heads, head);
  qp_cache_rows(v_by_head, QP_F32, a->rows, 0, v, a->rows, a->kv_heads, head);
  memcpy(same_out, o.start[0], size * sizeof(float));
  qp_attention(same_out, NULL, q, k_by_head, v_by_head, QP_F32, a->rows, a->segments, a->segment_count, a->rows, a->heads, a->kv_heads,
               head, a->scale, in_bf16, scratch);
  free(scratch);
  same("keys head after head", same_out, o.now[0], size * sizeof(float));
  if (!in_bf16) attention_of_halves(a, q, k, v);
  within("out", o.now[0], out, bound, size);

  // |dp - delta| <= 2 head; ds carries p's error, and that of dp and delta; dq sums over keys with p's sum 1, dk and dv over
  // the queries of the group. ds is rounded itself, and delta is of an output whose p was.
  double slope = 2 * (double)head * a->scale, error = slope * (weight + EPS * keys) + 4 * EPS * (double)(head * head) * a->scale;
  error += 0.75 * slope * rounding;
  double queries = (double)(a->rows * a->heads / a->kv_heads);
  double *key_bound = room_doubles(kv), *value_bound = room_doubles(kv);
  for (size_t i = 0; i < size; i++) bound[i] = 2 * error;
  for (size_t i = 0; i < kv; i++) key_bound[i] = 2 * queries * error, value_bound[i] = queries * (weight + EPS * queries + rounding);
  outputs b = {0};
  add_output(&b, room(size * sizeof(float)), size * sizeof(float));
  add_output(&b, room(kv * sizeof(float)), kv * sizeof(float));
  add_output(&b, room(kv * sizeof(float)), kv * sizeof(float));
  scratch = scratch_of(qp_attention_backward_scratch_bytes(a->rows, a->heads, a->kv_heads, head));
  WITH_THREADS(b, qp_attention_backward(b.now[0], b.now[1], b.now[2], dout, o.now[0], o.now[1], q, k, v, a->segments,
                                        a->segment_count, a->rows, a->heads, a->kv_heads, head, a->scale, in_bf16, scratch));
  free(scratch);
  within("dq", b.now[0], dq, bound, size);
  within("dk", b.now[1], dk, key_bound, kv);
  within("dv", b.now[2], dv, value_bound, kv);
  clear();
}

static void attention(const attention_case *a) {
  attention_in(a, 0);
  attention_in(a, 1);
}

static void layers(void) {
  size_t n = 37, d = 577;
  at("norms, %zu x %zu", n, d);
  float *x = random_floats(n * d, 1), *w = random_floats(d, 1), *dy = random_floats(n * d, 1), *inverse = room_floats(n);
  float *y = room_floats(n * d);
  outputs o = {0};
  add_output(&o, x, n * d * sizeof(float)), add_output(&o, x, n * sizeof(float));
  WITH_THREADS(o, qp_rms_norm(o.now[0], o.now[1], x, w, 1e-5f, n, d));
  qp_rms_norm(y, inverse, x, w, 1e-5f, n, d);
  outputs b = {0};
  add_output(&b, x, n * d * sizeof(float)), add_output(&b, w, d * sizeof(float));
  WITH_THREADS(b, qp_rms_norm_backward(b.now[0], b.now[1], dy, x, inverse, w, n, d, 1));
  at("gated units and cross entropy");
  outputs g = {0};
  add_output(&g, x, n * d * sizeof(float)), add_output(&g, x, n * d * sizeof(float)), add_output(&g, x, n * d * sizeof(float));
  WITH_THREADS(g, qp_swiglu(g.now[0], x, dy, n * d); qp_swiglu_backward(g.now[1], g.now[2], dy, x, y, n * d));
  int32_t *labels = room(n * sizeof(int32_t));
  for (size_t i = 0; i < n; i++) labels[i] = (int32_t)(next() % d);
  outputs c = {0};
  add_output(&c, x, n * d * sizeof(float)), add_output(&c, x, n * sizeof(float)), add_output(&c, x, n * sizeof(int32_t));
  WITH_THREADS(c, qp_cross_entropy(c.now[0], c.now[1], c.now[2], labels, 0.25f, n, d, 1));
  at("rotation");
  float *cosine = random_floats(d * 4, 1), *sine = random_floats(d * 4, 1);
  outputs r = {0};
  size_t rotated = n * d / 64;  // rows of 8 heads of 8
  int32_t *positions = room(rotated * sizeof(int32_t));
  for (size_t i = 0; i < rotated; i++) positions[i] = (int32_t)(next() % d);
  add_output(&r, x, rotated * 64 * sizeof(float));
  WITH_THREADS(r, qp_rotate(r.now[0], x, cosine, sine, positions, rotated, 8, 8, 0));
  clear();
}

/// Results that are written past the caches have the bits of others.
static void large_results(void) {
  size_t n = 4100, d = 2048, part = 100, count = n * d, bytes = count * sizeof(float);
  at("results of %zu MiB", bytes >> 20);
  float *x = random_floats(count, 1), *w = random_floats(d, 1), *inverse = room_floats(n), *few = room_floats(part * d);
  float *cosine = random_floats(n * 32, 1), *sine = random_floats(n * 32, 1);
  int32_t *positions = room(n * sizeof(int32_t));
  for (size_t i = 0; i < n; i++) positions[i] = (int32_t)i;
  float *y = room_floats(count);
  for (size_t threads = 1; threads <= 3; threads += 2) {
    qp_set_thread_count(threads);
    qp_rms_norm(y, inverse, x, w, 1e-5f, n, d);
    for (size_t row = 0; row < n; row += part) {
      qp_rms_norm(few, inverse + row, x + row * d, w, 1e-5f, part, d);
      same("rms norm", y + row * d, few, part * d * sizeof(float));
    }
    qp_rms_norm_backward(y, NULL, x, x, inverse, w, n, d, 0);
    for (size_t row = 0; row < n; row += part) {
      qp_rms_norm_backward(few, NULL, x + row * d, x + row * d, inverse + row, w, part, d, 0);
      same("rms norm backward", y + row * d, few, part * d * sizeof(float));
    }
    qp_rotate(y, x, cosine, sine, positions, n, d / 64, 64, 0);
    for (size_t row = 0; row < n; row += part) {
      qp_rotate(few, x + row * d, cosine, sine, positions + row, part, d / 64, 64, 0);
      same("rotation", y + row * d, few, part * d * sizeof(float));
    }
  }
  clear();
}

static void codecs_and_vectors(void) {
  size_t count = 50003, bytes = count * sizeof(float);
  at("%zu numbers", count);
  float *x = random_floats(count, 1), *z = random_floats(count, 1);
  outputs q = {0};
  add_output(&q, x, (count + 1) / 2), add_output(&q, x, (count + 63) / 64 * sizeof(float)), add_output(&q, x, count);
  add_output(&q, x, (count + 255) / 256 * sizeof(float));
  WITH_THREADS(q, qp_q4_quantize(q.now[0], q.now[1], x, QP_F32, count, 64, QP_NF4);
               qp_dynamic8_quantize(q.now[2], q.now[3], x, count, 256));
  outputs v = {0};
  for (int i = 0; i < 4; i++) add_output(&v, z, bytes);
  add_output(&v, z, bytes), add_output(&v, z, sizeof(double));
  WITH_THREADS(v, qp_add(v.now[0], x, z, count); qp_axpy(v.now[0], x, 0.3f, count); qp_scale(v.now[0], 0.7f, count);
               qp_multiply(v.now[1], x, z, count); qp_dropout(v.now[2], x, 0.5f, 1, 2, 3, count);
               qp_uniform(v.now[3], 4, 5, 6, count); qp_add_row(v.now[4], x, 83, 602); qp_sum_rows(v.now[4], x, 83, 602);
               *(double *)v.now[5] = qp_dot(x, z, count) + qp_sum_of_squares(x, count));
  outputs a = {0};
  float *squares = random_floats(count, 1);
  for (size_t i = 0; i < count; i++) squares[i] *= squares[i];
  add_output(&a, z, bytes), add_output(&a, x, bytes), add_output(&a, squares, bytes);
  WITH_THREADS(a, qp_adamw(a.now[0], a.now[1], a.now[2], x, 1, 1e-3f, 0.9f, 0.99f, 1e-8f, 0.1f, 3, count));
  outputs e = {0};
  add_output(&e, x, count / 32 * 18);
  WITH_THREADS(e, qp_blocks_encode(e.now[0], x, QP_GGML_Q4_0, count / 32));
  test_matrix w = matrix_of(5, 401, 131);
  int32_t ids[300];
  for (size_t i = 0; i < 300; i++) ids[i] = (int32_t)(next() % 401);
  outputs d = {0};
  add_output(&d, w.dense, 401 * 131 * sizeof(float)), add_output(&d, w.dense, 300 * 131 * sizeof(float));
  WITH_THREADS(d, qp_matrix_decode(d.now[0], &w.view, 0, 401 * 131); qp_gather_rows(d.now[1], &w.view, ids, 300));
  same("decoded matrix", d.now[0], w.dense, 401 * 131 * sizeof(float));
  clear();
}

static void dense(size_t m, size_t n, size_t k, int way) {
  int transpose_a = way & 1, transpose_b = way >> 1 & 1, accumulate = way >> 2;
  at("dense %zu x %zu x %zu, transposed %d %d, accumulate %d", m, n, k, transpose_a, transpose_b, accumulate);
  float *a = random_floats(m * k, 1), *b = random_floats(n * k, 1), *c = random_floats(m * n, 1);
  double *exact = room_doubles(m * n), *bound = room_doubles(m * n);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = accumulate ? c[i * n + j] : 0, sizes = fabs(sum);
      for (size_t l = 0; l < k; l++) {
        double term = (double)a[transpose_a ? l * m + i : i * k + l] * b[transpose_b ? j * k + l : l * n + j];
        sum += term, sizes += fabs(term);
      }
      exact[i * n + j] = sum, bound[i * n + j] = (double)(k + 3) * EPS * sizes;
    }
  outputs o = {0};
  add_output(&o, c, m * n * sizeof(float));
  WITH_THREADS(o, qp_gemm(o.now[0], a, transpose_a, b, transpose_b, m, n, k, accumulate));
  within("dense product", o.now[0], exact, bound, m * n);
  clear();
}

// Every way through the driver: no side thin, either, both; tiles, blocks along k and panels that end early; nothing to sum.
static void dense_products(void) {
  static const size_t sizes[][3] = {{200, 410, 70}, {97, 65, 300}, {300, 16, 530}, {70, 37, 20},  {16, 301, 530},
                                    {64, 64, 257},  {23, 9, 5},    {1, 1, 1},      {1, 9000, 16}, {1, 16, 700},  {5, 90, 0},
                                    {90, 5, 0}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int way = 0; way < 8; way++) dense(sizes[s][0], sizes[s][1], sizes[s][2], way);
}

static void optimizers_and_columns(void) {
  size_t n = 71, d = 577, count = n * d, bytes = count * sizeof(float), blocks = (count + 255) / 256;
  at("optimizers of %zu x %zu", n, d);
  float *p = random_floats(count, 1), *g = random_floats(count, 1), *positive = random_floats(count, 1);
  for (size_t i = 0; i < count; i++) positive[i] = fabsf(positive[i]) + 0.01f;
  const uint8_t *codes = random_bytes(count);
  outputs q = {0};
  add_output(&q, p, bytes), add_output(&q, codes, count), add_output(&q, positive, blocks * sizeof(float));
  add_output(&q, codes, count), add_output(&q, positive, blocks * sizeof(float));
  WITH_THREADS(q, qp_adamw8(q.now[0], q.now[1], q.now[2], q.now[3], q.now[4], g, 0.5f, 1e-3f, 0.9f, 0.99f, 1e-8f, 0.1f, 3, count));
  outputs s = {0};
  for (int i = 0; i < 4; i++) add_output(&s, p, bytes);
  WITH_THREADS(s, qp_lion(s.now[0], s.now[1], g, 0.5f, 1e-3f, 0.9f, 0.99f, 0.1f, count);
               qp_sgd(s.now[2], s.now[3], g, 0.5f, 1e-3f, 0.9f, 0.1f, 1, count));
  float *scratch = room_floats(count);
  outputs a = {0};
  add_output(&a, p, bytes), add_output(&a, positive, n * sizeof(float)), add_output(&a, positive, d * sizeof(float));
  add_output(&a, p, bytes), add_output(&a, positive, bytes);
  WITH_THREADS(a, qp_adafactor_matrix(a.now[0], a.now[1], a.now[2], g, 0.5f, 1e-3f, 0.7f, 1e-30f, 1, 0.1f, n, d, scratch);
               qp_adafactor_vector(a.now[3], a.now[4], g, 0.5f, 1e-3f, 0.7f, 1e-30f, 1, 0.1f, count, scratch));
  at("columns and rows of %zu x %zu", n, d);
  outputs c = {0};
  add_output(&c, p, bytes), add_output(&c, p, d * sizeof(float)), add_output(&c, p, n * sizeof(float));
  WITH_THREADS(c, qp_scale_columns(c.now[0], p, g, positive, n, d); qp_column_dots(c.now[1], p, g, n, d);
               qp_row_norms(c.now[2], p, n, d));
  clear();
}

void test_drivers(void) {
  products();
  attention(&(attention_case){.rows = 120, .heads = 6, .kv_heads = 2, .head = 16, .segment_count = 1, .scale = 0.25f,
                              .segments = {{0, 120, 0, 120}}});
  attention(&(attention_case){.rows = 61, .heads = 4, .kv_heads = 4, .head = 20, .segment_count = 3, .scale = 0.2f,
                              .segments = {{0, 1, 0, 1}, {1, 7, 1, 7}, {8, 53, 8, 53}}});
  // So many heads that the parts of dq are two, and one; queries that come after keys of earlier steps.
  attention(&(attention_case){.rows = 110, .heads = 16, .kv_heads = 8, .head = 8, .segment_count = 1, .scale = 0.35f,
                              .segments = {{0, 110, 0, 110}}});
  attention(&(attention_case){.rows = 101, .heads = 16, .kv_heads = 16, .head = 8, .segment_count = 1, .scale = 0.35f,
                              .segments = {{0, 101, 0, 101}}});
  attention(&(attention_case){.rows = 90, .heads = 4, .kv_heads = 2, .head = 16, .segment_count = 1, .scale = 0.25f,
                              .segments = {{70, 20, 0, 90}}});
  attention(&(attention_case){.rows = 110, .heads = 10, .kv_heads = 2, .head = 16, .segment_count = 1, .scale = 0.25f,
                              .segments = {{109, 1, 0, 110}}});
  attention(&(attention_case){.rows = 900, .heads = 6, .kv_heads = 2, .head = 16, .segment_count = 1, .scale = 0.25f,
                              .segments = {{899, 1, 0, 900}}});
  layers();
  large_results();
  codecs_and_vectors();
  dense_products();
  optimizers_and_columns();
}
