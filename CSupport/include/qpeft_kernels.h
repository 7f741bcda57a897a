/// Kernels of qpeft: contract of everything that Swift may call. Implementation: reference/ (scalar, always built), x86/ and arm/
/// (leaves), leaves/ and blocks/ (texts that several sets compile), drivers/ (blocking and threads), dispatch/ (one table of kernel
/// sets), threads/ (who owns the cores).
///
/// Conventions, unless a function says otherwise:
/// - Arrays are row-major float32, contiguous, aligned to their element only. Sizes are counts of elements (`size_t`).
/// - Output comes first and must not overlap an input. No function keeps a pointer, prints, exits or calls malloc;
///   `scratch` is memory of the caller, 64-byte aligned, of the size the matching `_scratch_bytes` function states.
/// - Functions may use threads. Results are bit-identical for every number of threads: no sum of an element depends on how
///   the work is split. Several threads may call at once, each with outputs and scratch of its own: one call has the other cores, the rest
///   run on their own thread, slower. A child of fork may call too: it starts threads of its own.
/// - Shapes are trusted: Swift (QPEFTKernels) checks them. Values are not: NaN and infinity pass through.
#ifndef QPEFT_KERNELS_H
#define QPEFT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------- machine

/// Names of the kernel sets this processor supports, best first ("avx2", "reference"); NULL past the end.
const char *qp_kernel_set_name(size_t index);
/// The set in use. First use chooses the best, or what the environment variable QPEFT_KERNELS names.
const char *qp_active_kernel_set(void);
/// Uses a set for calls from this thread alone, until called with NULL (tests, comparisons): 0 if the processor supports it, else -1 and
/// nothing changes.
int qp_override_kernel_set(const char *name);
/// The name of the set that this thread was given so, or NULL.
const char *qp_overriding_kernel_set(void);
/// Number of threads used by drivers; starts as the number of cores that the process may run on and has processor time for.
/// `count` 0 is read as 1, more than the larger of 4 and the number of cores as that.
void qp_set_thread_count(size_t count);
size_t qp_thread_count(void);

// ---------------------------------------------------------------------------------------------------- frozen matrices

typedef enum {
  QP_F32 = 0,
  QP_F16 = 1,
  QP_BF16 = 2,
  QP_Q4 = 3,
  // ggml's block formats, as GGUF files hold them:
  QP_GGML_Q4_0,
  QP_GGML_Q4_1,
  QP_GGML_Q5_0,
  QP_GGML_Q5_1,
  QP_GGML_Q8_0,
  QP_GGML_Q2_K,
  QP_GGML_Q3_K,
  QP_GGML_Q4_K,
  QP_GGML_Q5_K,
  QP_GGML_Q6_K,
  QP_GGML_IQ4_NL,
  QP_GGML_IQ4_XS,
  QP_GGML_MXFP4,
  QP_STORAGE_COUNT
} qp_storage;

/// Numbers and bytes of a block; a row is whole blocks. Dense types: one number. QP_Q4: zeros, its parts lie apart.
typedef struct {
  size_t count, bytes;
} qp_block;
qp_block qp_block_of(qp_storage storage);

/// A frozen weight W[rows, columns] (rows = output features), as it lies in a mapped file.
/// QP_Q4 is bitsandbytes' 4-bit layout: the flattened matrix, element 2i in the high nibble of byte i and 2i+1 in the low one;
/// value = levels[code] * scale(block of the flattened index); `block` a power of two in 32...4096; blocks may cross rows and the
/// last may be short. scale(b) = absmax[b], or, with double quantization (absmax == NULL),
/// nested_map[absmax_codes[b]] * nested_absmax[b / nested_block] + nested_offset, each step rounded to float32.
/// `columns` is even or `rows` is 1 for QP_Q4 rows to start on a byte; kernels handle odd columns too (slowly, but right).
/// QP_GGML_*: blocks one after the other, `columns` a multiple of the block's count; bytes need no alignment.
/// interleaved_head, if not 0: heads of so many rows (even) are stored as llama.cpp rotates them, neighbours for halves: row
/// `half * (head / 2) + i` of a head lies at row `2 * i + half`. Not for QP_Q4.
typedef struct {
  qp_storage storage;
  size_t rows, columns;
  const void *values;  // float / half / bfloat16 numbers, 4-bit codes, or blocks
  size_t interleaved_head;
  // QP_Q4 only:
  const float *levels;  // [16]
  size_t block;
  const float *absmax;          // [ceil(rows*columns/block)] or NULL
  const uint8_t *absmax_codes;  // [ceil(rows*columns/block)]
  const float *nested_map;      // [256]
  const float *nested_absmax;   // [ceil(blocks/nested_block)]
  size_t nested_block;          // 256
  float nested_offset;
} qp_matrix;

/// What is added to a product in the same pass over its result: hidden[n, rank] · factor, of LoRA.
typedef struct {
  const float *hidden;
  const float *factor;  // qp_matmul: [rows, rank], taken transposed; qp_matmul_transposed: [rank, columns]
  size_t rank;
} qp_low_rank;

/// y[n, rows] = x[n, columns] · Wᵀ + term  (`accumulate`: y += ...; term NULL: none). Never a float copy of W: panels are decoded into
/// scratch.
///
/// in_bf16: x and W are rounded to bfloat16 before they are multiplied, to even where two numbers are as near; products are exact, sums
/// and the term float32. Numbers below 2^-126 may count as zero. A W stored in float32 is not rounded, nor is x then. Twice as fast with many
/// tokens where qp_has_bf16 says so, else a little slower.
void qp_matmul(float *y, const float *x, const qp_matrix *w, size_t n, int accumulate, int in_bf16, const qp_low_rank *term,
               void *scratch);
size_t qp_matmul_scratch_bytes(const qp_matrix *w, size_t n);
/// Whether the set in use multiplies bfloat16 numbers by instructions of their own.
int qp_has_bf16(void);

/// y = x · Wᵀ + term for writing text, never for training: where n is 1, W is QP_Q4 with block >= 64 and columns a multiple of 64, x and the
/// levels are rounded to 15 bits, x with a scale for every 64 columns, and sums of 64 products are exact. |error| is at most
/// 1/32700 of the sum over blocks of scale * (max|x| * Σ|level| + max|level| * Σ|x|), but 64 columns with no |x| of 2^-100 or more count as
/// zeros. Likewise with W of blocks, where 32 columns share a scale. Otherwise, and where an |x| is above 2^100 or NaN, as qp_matmul, whose
/// scratch it takes.
void qp_matmul_fixed(float *y, const float *x, const qp_matrix *w, size_t n, const qp_low_rank *term, void *scratch);

/// dx[n, columns] = dy[n, rows] · W + term  (`accumulate`: dx += ...; term NULL: none; in_bf16: dy and W are rounded, as in qp_matmul).
void qp_matmul_transposed(float *dx, const float *dy, const qp_matrix *w, size_t n, int accumulate, int in_bf16,
                          const qp_low_rank *term, void *scratch);
size_t qp_matmul_transposed_scratch_bytes(const qp_matrix *w, size_t n);

/// y[n, columns] = W[ids[i], :]: rows decoded to float. Ids are checked by the caller.
void qp_gather_rows(float *y, const qp_matrix *w, const int32_t *ids, size_t n);

/// C[m, n] = op(A) · op(B)  (`accumulate`: C += ...). op(A) is A[m, k] or, transposed, A stored [k, m]; likewise op(B): B[k, n] or stored
/// [n, k]. Takes up to 128 KiB of every thread's stack.
void qp_gemm(float *c, const float *a, int transpose_a, const float *b, int transpose_b, size_t m, size_t n, size_t k,
             int accumulate);

/// The yardstick that kernels are measured with: what OpenBLAS, if the system has it, says of itself and its kernels for this processor;
/// else NULL.
const char *qp_yardstick_name(void);
const char *qp_yardstick_kernels(void);
/// C[m, n] = A · op(B), added to C where `accumulate`, with leading dimensions as in BLAS, by one call of OpenBLAS with threads of its own,
/// as many as the drivers use. Only where it has a name.
void qp_yardstick_sgemm(int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                        int accumulate, float *c, size_t ldc);

/// Runs the innermost product `rounds` times on every thread, on operands that stay in the nearest cache, and returns the number
/// of multiplications and additions: for measurements, the rate that no kernel goes above.
double qp_tile_peak(size_t rounds);

// ---------------------------------------------------------------------------------------------------- block codecs

/// The 16 levels of NF4 by code (ascending). Source: QLoRA, arXiv:2305.14314, appendix E, as bitsandbytes writes them.
extern const float qp_nf4_levels[16];
/// The 16 levels of FP4 by code (not ascending), as bitsandbytes writes them.
extern const float qp_fp4_levels[16];
/// bitsandbytes' signed dynamic 8-bit map (create_dynamic_map(signed=True, 7, 8)), ascending.
extern const float qp_dynamic_map[256];
/// bitsandbytes' unsigned dynamic 8-bit map (create_dynamic_map(signed=False, 7, 8)), ascending from 0.
extern const float qp_dynamic_map_unsigned[256];

typedef enum { QP_NF4 = 0, QP_FP4 = 1 } qp_q4_kind;

/// Quantizes `count` numbers stored as `source` (QP_F32, QP_F16, QP_BF16) block by block, bit-identical to bitsandbytes' CPU path:
/// absmax[b] = max|w|; code of clamp(w * (1 / max(absmax, tiny)), -1, 1). codes: (count + 1) / 2 bytes; absmax: ceil(count / block).
/// `block` is a power of two, 32...4096.
void qp_q4_quantize(uint8_t *codes, float *absmax, const void *values, qp_storage source, size_t count, size_t block,
                    qp_q4_kind kind);

/// y[i] = element `first + i` of the flattened matrix, decoded to float.
void qp_matrix_decode(float *y, const qp_matrix *w, size_t first, size_t count);

/// Whether blocks of this format can be written.
int qp_blocks_are_written(qp_storage storage);

/// Encodes x[count * numbers of a block] as `count` blocks of such a format: the bytes are those of ggml's own reference
/// quantization. Every number is finite; a block whose scale is beyond float16 decodes to infinity or NaN.
void qp_blocks_encode(uint8_t *blocks, const float *x, qp_storage storage, size_t count);

/// bitsandbytes' blockwise 8-bit quantization with qp_dynamic_map: codes[count], absmax[ceil(count / block)].
void qp_dynamic8_quantize(uint8_t *codes, float *absmax, const float *values, size_t count, size_t block);

// ---------------------------------------------------------------------------------------------------- layers

/// y[n, d] = x / sqrt(mean(x²) + eps) * weight; inverse_rms[n] is kept for backward. weight [d] float32.
void qp_rms_norm(float *y, float *inverse_rms, const float *x, const float *weight, float eps, size_t n, size_t d);
/// dx[n, d] (`accumulate`: +=); dweight[d] += ... unless NULL.
void qp_rms_norm_backward(float *dx, float *dweight, const float *dy, const float *x, const float *inverse_rms,
                          const float *weight, size_t n, size_t d, int accumulate);

/// y = x[n, heads, head] with pairs (i, i + head/2) of every head rotated, as transformers does.
/// cosine, sine: [positions, head/2]; row i of x is at positions[i]. `inverse` rotates back (backward).
void qp_rotate(float *y, const float *x, const float *cosine, const float *sine, const int32_t *positions, size_t n, size_t heads,
               size_t head, int inverse);

/// A run of rows that attend to each other: queries [query_start, +query_count) to keys [key_start, +key_count), causal at the end:
/// query j sees keys 0 ... key_count - query_count + j of the segment. Documents of a batch are segments: no padding exists.
typedef struct {
  size_t query_start, query_count, key_start, key_count;
} qp_segment;

/// Causal grouped-query attention with running softmax; nothing of size query x key is stored beyond a tile.
/// out, q: [rows, heads, head]; k, v: [key rows, kv_heads, head], or, where head_rows is not 0, [kv_heads, head_rows, head], as a cache
/// keeps them to be read one after the other; numbers of k and v are stored as `stored` says, QP_F32 or QP_F16; heads % kv_heads == 0.
/// logsumexp: [heads, rows] kept for backward (may be NULL). scale multiplies q·k. in_bf16: operands of products, the probabilities too, are
/// rounded to bfloat16 and sums are float32, as in qp_matmul; softmax is float32.
void qp_attention(float *out, float *logsumexp, const float *q, const void *k, const void *v, qp_storage stored, size_t head_rows,
                  const qp_segment *segments, size_t segment_count, size_t rows, size_t heads, size_t kv_heads, size_t head,
                  float scale, int in_bf16, void *scratch);
size_t qp_attention_scratch_bytes(qp_storage stored, size_t heads, size_t kv_heads, size_t head);
/// Rows x [n, kv_heads, head] as rows `first` ... of a cache [kv_heads, head_rows, head] of QP_F32 or QP_F16. To float16 the nearest is taken,
/// even of two; beyond its range the largest, 65504 (NaN stays NaN).
void qp_cache_rows(void *cache, qp_storage stored, size_t head_rows, size_t first, const float *x, size_t n, size_t kv_heads, size_t head);
/// dq, dk, dv are overwritten for all rows of the segments. `rows` is the row count of q (stride of logsumexp).
void qp_attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *logsumexp,
                           const float *q, const float *k, const float *v, const qp_segment *segments, size_t segment_count,
                           size_t rows, size_t heads, size_t kv_heads, size_t head, float scale, int in_bf16, void *scratch);
size_t qp_attention_backward_scratch_bytes(size_t rows, size_t heads, size_t kv_heads, size_t head);

/// y = silu(gate) * up, and its backward (dgate, dup overwritten; either may be the same memory as gate or up of that index).
void qp_swiglu(float *y, const float *gate, const float *up, size_t count);
void qp_swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t count);

/// Rows of logits [n, vocabulary] to losses[i] = logsumexp - logit[label] and, in place, to scale * (softmax - one_hot(label)).
/// `argmax` [n] may be NULL. `gradient` 0 leaves the logits as they are.
void qp_cross_entropy(float *logits, float *losses, int32_t *argmax, const int32_t *labels, float scale, size_t n,
                      size_t vocabulary, int gradient);

// ---------------------------------------------------------------------------------------------------- vectors

void qp_add(float *y, const float *a, const float *b, size_t count);      // y = a + b; y may be a or b
void qp_axpy(float *y, const float *x, float scale, size_t count);         // y += scale * x
void qp_scale(float *y, float scale, size_t count);                        // y *= scale
void qp_multiply(float *y, const float *a, const float *b, size_t count);  // y = a * b; y may be a or b
void qp_add_row(float *y, const float *row, size_t n, size_t d);           // y[i, :] += row
void qp_sum_rows(float *row, const float *x, size_t n, size_t d);          // row += sum over i of x[i, :]
double qp_sum_of_squares(const float *x, size_t count);                    // in double, in fixed blocks
double qp_dot(const float *a, const float *b, size_t count);               // in double, in fixed blocks
/// Inverted dropout by counter: element i is kept (and divided by 1 - p) or zeroed by Philox 4x32-10 of key (seed), counter
/// (i / 4, step, site); the same arguments give the same mask on any thread, in any order. y may be x.
void qp_dropout(float *y, const float *x, float p, uint64_t seed, uint32_t step, uint32_t site, size_t count);
/// Uniform numbers in [0, 1) from the same generator (24 bits each).
void qp_uniform(float *y, uint64_t seed, uint32_t step, uint32_t site, size_t count);

/// y[i, :] = x[i, :] * scale + shift (NULL: none), column by column; y may be x.
void qp_scale_columns(float *y, const float *x, const float *scale, const float *shift, size_t n, size_t d);
void qp_column_dots(float *sums, const float *a, const float *b, size_t n, size_t d);  // sums[j] += sum over i of a[i, j] * b[i, j]
void qp_row_norms(float *norms, const float *x, size_t n, size_t d);                   // norms[i] = sqrt(sum over j of x[i, j]²)

// ---------------------------------------------------------------------------------------------------- optimizers

/// One AdamW step as torch.optim.AdamW: p *= 1 - lr*wd; m, v updated; p -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps).
/// `gradient_scale` multiplies the gradient first (clipping). step counts from 1.
void qp_adamw(float *p, float *m, float *v, const float *gradient, float gradient_scale, float learning_rate, float beta1,
              float beta2, float eps, float weight_decay, uint64_t step, size_t count);

/// qp_adamw over moments of 8 bits in blocks of 256, as bitsandbytes' AdamW8bit on a CPU: decoded, updated, quantized again.
/// m with qp_dynamic_map, v with qp_dynamic_map_unsigned; codes[count], absmax[ceil(count / 256)] each.
void qp_adamw8(float *p, uint8_t *m_codes, float *m_absmax, uint8_t *v_codes, float *v_absmax, const float *gradient,
               float gradient_scale, float learning_rate, float beta1, float beta2, float eps, float weight_decay,
               uint64_t step, size_t count);

/// One Lion step (arXiv:2302.06675): p *= 1 - lr*wd; p -= lr * sign(b1*m + (1-b1)*g); m = b2*m + (1-b2)*g.
void qp_lion(float *p, float *m, const float *gradient, float gradient_scale, float learning_rate, float beta1, float beta2,
             float weight_decay, size_t count);

/// One step of torch.optim.SGD: g += wd*p; m = momentum*m + g; p -= lr * (nesterov ? g + momentum*m : m).
void qp_sgd(float *p, float *m, const float *gradient, float gradient_scale, float learning_rate, float momentum,
            float weight_decay, int nesterov, size_t count);

/// One Adafactor step (arXiv:1804.04235) of a matrix p[n, d], as transformers' Adafactor with a given learning rate:
/// row[n] and column[d] decay by beta2 towards the means of g² + eps; u = g / sqrt(row/mean(row)) / sqrt(column);
/// p -= lr*wd*p; p -= lr * u / max(1, rms(u) / clip). scratch: 2 n + d floats.
void qp_adafactor_matrix(float *p, float *row, float *column, const float *gradient, float gradient_scale,
                         float learning_rate, float beta2, float eps, float clip, float weight_decay, size_t n, size_t d,
                         float *scratch);
/// The same of a vector, whose second moments v[count] are kept whole. scratch: count floats.
void qp_adafactor_vector(float *p, float *v, const float *gradient, float gradient_scale, float learning_rate, float beta2,
                         float eps, float clip, float weight_decay, size_t count, float *scratch);

#ifdef __cplusplus
}
#endif
#endif
