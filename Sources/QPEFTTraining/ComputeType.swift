internal import QPEFTTensor

/// How a step of training computes its products with frozen matrices, as `bnb_4bit_compute_dtype` says it in transformers, and those of
/// attention. Everything else is float32: adapters, norms, the loss, all sums, and products with matrices that are stored in float32; and
/// evaluations are.
public enum ComputeType: String, Hashable, Sendable, Codable, CaseIterable {
  /// In float32.
  case f32
  /// With operands rounded to bfloat16.
  case bf16

  /// What products of a step use.
  var arithmetic: ProductArithmetic { self == .bf16 ? .bfloat16 : .float32 }
}
