// The fields of qp_kernel_set that elementwise.h fills.
.encode_q4 = NAME(encode_q4), .decode_bf16 = NAME(decode_bf16), .round_bf16 = NAME(round_bf16), .encode_f16 = NAME(encode_f16),
.encode_i16 = NAME(encode_i16), .max_abs = NAME(max_abs),
.row_max = NAME(row_max), .exp_sum = NAME(exp_sum), .softmax_backward = NAME(softmax_backward), .rms_norm = NAME(rms_norm),
.rms_norm_backward = NAME(rms_norm_backward), .rotate = NAME(rotate), .swiglu = NAME(swiglu),
.swiglu_backward = NAME(swiglu_backward), .write_past = NAME(write_past), .add = NAME(add), .axpy = NAME(axpy),
.scale = NAME(scale), .multiply = NAME(multiply), .multiply_add = NAME(multiply_add), .dot = NAME(dot),
.dropout = NAME(dropout), .uniform = NAME(uniform), .adamw = NAME(adamw), .lion = NAME(lion), .sgd = NAME(sgd),
.adafactor = NAME(adafactor)
