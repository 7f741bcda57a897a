/// One table of leaves per instruction set. Drivers block and thread; leaves run on one core and know nothing of threads.
/// Adding a processor: write the leaves, fill one table, add one line to dispatch.c. Every kernel test then runs over it.
#ifndef QP_KERNEL_SET_H
#define QP_KERNEL_SET_H

#include "include/qpeft_kernels.h"

enum {
  QP_ROOM = 1 << 21,     // inputs of all tokens that are copied at a time
  QP_DECODED = 65536,    // weights that a task decodes at a time: 256 KiB in the second cache
  QP_MAX_MR = 16,        // bounds over all sets, so that the size of scratch does not depend on the set in use
  QP_MAX_NR = 32,
  QP_THIN = 16,          // columns of the thin product
  QP_FEW_COLUMNS = 512,  // most columns of dy · W that a task of few tokens takes
  QP_FEW_UNIT = 128,     // of which it takes a multiple, unless W ends
  QP_FEW_MAX = 8,        // most tokens that are few
  QP_FIXED = 64,         // columns that share a scale of x in fixed point
};

/// How codes are found: `bounds` ascending, code = order[number of bounds below the value].
typedef struct {
  float bounds[15];
  uint8_t order[16];
} qp_q4_rule;

/// c[m, n] (+)= A · panel, with m <= mr, n <= nr; A(i, k) = a[i * row_step + k * k_step].
typedef void qp_tile(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t kc, size_t m, size_t n,
                     int accumulate);

/// Products of bfloat16 numbers by instructions that multiply two neighbours along k at once, summed in float32. A pair of them takes the
/// place of a float; a last one without a neighbour has zero beside it. Pairs may be written where the numbers are, or before.
typedef struct {
  int (*supported)(void);
  /// dst[(count + 1) / 2] pairs from a row x[count], rounded.
  void (*row)(float *dst, const float *x, size_t count);
  /// dst[(kc + 1) / 2, ld][width] pairs from x[kc, ld][width], rounded: neighbours are those of a column.
  void (*columns)(float *dst, const float *x, size_t ld, size_t width, size_t kc);
  /// gemm_tile of pairs.
  qp_tile *tile;
} qp_pair_leaves;

typedef struct qp_kernel_set {
  const char *name;
  int (*supported)(void);

  // ---- products. A panel of B is [kc][nr], padded with zeros; A is read where it lies, row- or column-wise.
  size_t mr, nr;  // nr >= QP_THIN
  /// About the depth of a panel: a strip of mr tokens so deep, and a fourth more, stays in the nearest cache. And strips that a panel meets
  /// before the next panel does: so many stay in the second cache beside the panels.
  size_t kc, strips;
  qp_tile *gemm_tile;
  /// The same with any m, n <= QP_THIN, and B where it lies: rows b_step apart, of which QP_THIN numbers are read, once for every
  /// `thin_rows` rows of A. For factors of low rank.
  size_t thin_rows;
  void (*gemm_thin)(float *c, size_t ldc, const float *a, size_t row_step, size_t k_step, const float *b, size_t b_step,
                    size_t kc, size_t m, size_t n, int accumulate);
  /// dst[kc][nr] from `valid` rows of length kc (src[i * ld + k]).
  void (*pack_transposed)(float *dst, const float *src, size_t ld, size_t valid, size_t kc);
  /// dst[kc][nr] from kc rows of length `valid` (src[k * ld + i]).
  void (*pack_straight)(float *dst, const float *src, size_t ld, size_t valid, size_t kc);
  /// dst[kc][nr] from W[row ..< row + rows, column ..< column + kc]: the panel of x · Wᵀ.
  void (*pack_weight_rows)(float *dst, const qp_matrix *w, size_t row, size_t rows, size_t column, size_t kc);
  /// dst[kc][nr] from W[row ..< row + kc, column ..< column + columns], the panel of dy · W, or several, one behind the other; the
  /// columns that were taken: all of them or whole panels.
  size_t (*pack_weight_columns)(float *dst, const qp_matrix *w, size_t row, size_t kc, size_t column, size_t columns);

  // ---- products in bfloat16: NULL, or not supported: operands are rounded to bfloat16 and multiplied as floats
  const qp_pair_leaves *pairs;
  /// x[count] rounded to bfloat16, to even where two are as near.
  void (*round_bf16)(float *x, size_t count);

  // ---- few tokens (n <= QP_FEW_MAX): decode in registers, no packing. NULL, or 0 from `few_takes`: packed path.
  int (*few_takes)(const qp_matrix *w, size_t n, int transposed);
  /// x of one token in the order in which codes unpack; `count` = columns.
  void (*few_arrange)(float *dst, const float *x, const qp_matrix *w);
  /// y[n, ldy][row ..< row + rows] (+)= arranged x · Wᵀ.
  void (*few_rows)(float *y, size_t ldy, const float *x, const qp_matrix *w, size_t row, size_t rows, size_t n,
                   int accumulate);
  /// dx[n, columns][column ..< column + columns] (+)= dy · W; from a multiple of QP_FEW_UNIT to one, or to the end of W, at most
  /// QP_FEW_COLUMNS.
  void (*few_columns)(float *dx, const float *dy, const qp_matrix *w, size_t column, size_t columns, size_t n,
                      int accumulate);
  /// y[n, ldy][rows] (+)= x[n, columns] · Wᵀ, where rows of W lie `step` numbers apart and are short: a term of low rank, scores of keys;
  /// and y[n, ldy][columns] (+)= x[n, ldx][rows] · W, columns a multiple of QP_THIN: sums of values. W: float, or float16, and then columns are
  /// a multiple of QP_THIN. NULL: as other products.
  void (*narrow_rows)(float *y, size_t ldy, const float *x, const void *w, int is_half, size_t step, size_t rows, size_t columns, size_t n,
                      int accumulate);
  void (*narrow_columns)(float *y, size_t ldy, const float *x, size_t ldx, const void *w, int is_half, size_t step, size_t rows,
                         size_t columns, size_t n, int accumulate);

  // ---- one token in fixed point (drivers/fixed.c), or NULL; columns a multiple of QP_FIXED, block at least that
  /// The QP_FIXED numbers of one run of x, in the order in which codes unpack. dst: those of all runs, of an even number of them.
  void (*fixed_arrange)(int16_t *dst, const int16_t *x, size_t run);
  /// y[row ..< row + rows] = sum over blocks of scale(W) * x_scales[block] * Σ levels[code] * x.
  void (*fixed_rows)(float *y, const int16_t *x, const float *x_scales, const qp_matrix *w, const int16_t levels[16],
                     size_t row, size_t rows);

  /// The same of `rows` rows of GGUF's blocks, which lie one behind the other: y[r] = Σ scale * x_scales * Σ code * x + Σ offset * x_sums. x: of
  /// every 32 columns, which share a scale, the even ones, then the odd ones. x_sums: Σ x * x_scales of each qp_run_of_blocks columns. NULL: in
  /// floats.
  void (*fixed_blocks)(float *y, const int16_t *x, const float *x_scales, const float *x_sums, qp_storage storage, const uint8_t *row,
                       size_t rows, size_t blocks);

  // ---- codecs
  /// y[count] = levels[code] * scale; element 0 is the high nibble of codes[0].
  void (*decode_q4)(float *y, const uint8_t *codes, const float *levels, float scale, size_t count);
  void (*decode_f16)(float *y, const uint16_t *x, size_t count);
  void (*decode_bf16)(float *y, const uint16_t *x, size_t count);
  /// The nearest float16, to even where two are as near; beyond its range the largest. NaN stays NaN.
  void (*encode_f16)(uint16_t *y, const float *x, size_t count);
  /// y[32 * count] = blocks of GGUF from number 32 * part of `block` on.
  void (*decode_blocks)(qp_storage storage, float *y, const uint8_t *block, size_t part, size_t count);
  /// codes of clamp(x * inverse, -1, 1), packed two a byte; count even.
  void (*encode_q4)(uint8_t *codes, const float *x, float inverse, const qp_q4_rule *rule, size_t count);
  /// The nearest whole number of x * inverse, which is within 16 bits; the even one of two.
  void (*encode_i16)(int16_t *y, const float *x, float inverse, size_t count);
  /// max |x|; NaN if there is one.
  float (*max_abs)(const float *x, size_t count);

  // ---- rows
  float (*row_max)(const float *x, size_t count);
  /// x = exp(scale * x - shift) in place, or only the sum (y NULL); returns the sum.
  double (*exp_sum)(float *y, const float *x, float scale, float shift, size_t count);
  /// s = p = exp(scale * s - lse) in place; ds = p * (ds - delta) * scale in place.
  void (*softmax_backward)(float *s, float *ds, float scale, float lse, float delta, size_t count);
  float (*rms_norm)(float *y, const float *x, const float *weight, float eps, size_t d);
  void (*rms_norm_backward)(float *dx, const float *dy, const float *x, float inverse_rms, const float *weight, size_t d,
                            int accumulate);
  void (*rotate)(float *y, const float *x, const float *cosine, const float *sine, size_t half, int inverse);
  void (*swiglu)(float *y, const float *gate, const float *up, size_t count);
  void (*swiglu_backward)(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t count);

  // ---- vectors
  /// y = x. Whole lines of y are written past the caches, and may arrive after what is stored later, until qp_end_of_results.
  void (*write_past)(float *y, const float *x, size_t count);
  void (*add)(float *y, const float *a, const float *b, size_t count);
  void (*axpy)(float *y, const float *x, float scale, size_t count);
  void (*scale)(float *y, float scale, size_t count);
  void (*multiply)(float *y, const float *a, const float *b, size_t count);
  /// y += a * b * scale, element by element.
  void (*multiply_add)(float *y, const float *a, const float *b, float scale, size_t count);
  double (*dot)(const float *a, const float *b, size_t count);
  void (*dropout)(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t first,
                  size_t count);
  void (*uniform)(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t first, size_t count);

  // ---- optimizers
  void (*adamw)(float *p, float *m, float *v, const float *gradient, const float *constants, size_t count);
  void (*lion)(float *p, float *m, const float *gradient, const float *constants, size_t count);
  void (*sgd)(float *p, float *m, const float *gradient, const float *constants, size_t count);
  /// v towards g² + eps; u = g / sqrt(v).
  void (*adafactor)(float *u, float *v, const float *gradient, const float *constants, size_t count);
} qp_kernel_set;

/// Constants of one AdamW step, in the order in which `adamw` reads them.
enum { QP_ADAM_GRADIENT_SCALE, QP_ADAM_DECAY, QP_ADAM_BETA1_REST, QP_ADAM_BETA2, QP_ADAM_BETA2_REST, QP_ADAM_STEP,
       QP_ADAM_INVERSE_ROOT, QP_ADAM_EPS, QP_ADAM_COUNT };
/// The same of `lion`, `sgd` and `adafactor`.
enum { QP_LION_GRADIENT_SCALE, QP_LION_DECAY, QP_LION_BETA1, QP_LION_BETA1_REST, QP_LION_BETA2, QP_LION_BETA2_REST,
       QP_LION_RATE, QP_LION_COUNT };
enum { QP_SGD_GRADIENT_SCALE, QP_SGD_WEIGHT_DECAY, QP_SGD_MOMENTUM, QP_SGD_GRADIENT_PART, QP_SGD_MOMENT_PART, QP_SGD_RATE,
       QP_SGD_COUNT };
enum { QP_ADAFACTOR_GRADIENT_SCALE, QP_ADAFACTOR_BETA2, QP_ADAFACTOR_BETA2_REST, QP_ADAFACTOR_EPS, QP_ADAFACTOR_COUNT };

/// The constants of one AdamW step.
void qp_adam_constants(float constants[QP_ADAM_COUNT], float gradient_scale, float learning_rate, float beta1, float beta2,
                       float eps, float weight_decay, uint64_t step);

const qp_kernel_set *qp_kernels(void);  // the set in use
/// Puts another set in use, for all threads; 0 if the processor supports it, else -1 and nothing changes.
int qp_select_kernel_set(const char *name);
const qp_kernel_set *qp_built_kernels(size_t index);  // of this build, supported or not, best first; NULL past the end

extern const qp_kernel_set qp_kernels_reference;
extern const qp_kernel_set qp_kernels_avx2;
extern const qp_kernel_set qp_kernels_avx512;
extern const qp_kernel_set qp_kernels_neon;

extern const int8_t qp_iq4_levels[16], qp_mxfp4_levels[16];

/// Whether the leaves of a set read the matrix; else it goes through qp_decode_run.
static inline int qp_leaves_read(const qp_matrix *w) { return w->storage <= QP_Q4 && !w->interleaved_head; }

/// Columns that share a scale in a format of GGUF.
static inline size_t qp_run_of_blocks(qp_storage storage) {
  return storage == QP_GGML_Q2_K || storage == QP_GGML_Q3_K || storage == QP_GGML_Q6_K ? 16 : 32;
}

/// The row of the file that holds row `row`.
static inline size_t qp_stored_row(const qp_matrix *w, size_t row) {
  if (!w->interleaved_head) return row;
  size_t inside = row % w->interleaved_head, half = w->interleaved_head / 2;
  return row - inside + (inside < half ? 2 * inside : 2 * (inside - half) + 1);
}

/// scale(b) of a QP_Q4 matrix.
#pragma clang fp contract(off)
static inline float qp_block_scale(const qp_matrix *w, size_t b) {
#pragma clang fp contract(off)
  if (w->absmax) return w->absmax[b];
  float scaled = w->nested_map[w->absmax_codes[b]] * w->nested_absmax[b / w->nested_block];
  return scaled + w->nested_offset;
}
#pragma clang fp contract(on)

/// Any elements of any matrix, through the decoders of `set`. Right for every alignment of rows and blocks.
void qp_decode_run(const qp_kernel_set *set, float *y, const qp_matrix *w, size_t first, size_t count);
/// Midpoints of the neighbours of a map of 256 codes, by which `qp_dynamic8_encode` finds codes.
void qp_dynamic8_bounds(float bounds[255], const float map[256]);
/// One block of bitsandbytes' 8-bit quantization: codes[count] and the block's absmax.
void qp_dynamic8_encode(uint8_t *codes, float *absmax, const float *values, size_t count, const float bounds[255]);
/// The packers for any shape, through qp_decode_run.
void qp_pack_weight_rows_any(const qp_kernel_set *set, float *dst, const qp_matrix *w, size_t row, size_t rows,
                             size_t column, size_t kc);
size_t qp_pack_weight_columns_any(const qp_kernel_set *set, float *dst, const qp_matrix *w, size_t row, size_t kc,
                                  size_t column, size_t columns);

#endif
