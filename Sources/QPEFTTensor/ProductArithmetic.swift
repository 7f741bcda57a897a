/// How a product with a frozen matrix, and attention, are computed. The choice holds for a task, as long as `$current.withValue` runs.
public enum ProductArithmetic: String, Hashable, Sendable, Codable {
  /// In float32.
  case float32
  /// A single row times a 4-bit matrix in whole numbers of 15 bits, where the processor has such a kernel (AVX2, AVX-512): 1.4 to
  /// 2.2 times as fast; everything else in float32.
  ///
  /// The row has a scale for every 64 numbers; a product differs from that in float32 by a few parts in 100,000. For writing
  /// text, never for training.
  case fixedPoint
  /// Both operands rounded to bfloat16, products exact, sums in float32: twice as fast with many rows where the processor multiplies such
  /// numbers (`KernelSet.multipliesBFloat16`), else a little slower than float32. What bitsandbytes does with `bnb_4bit_compute_dtype`
  /// bfloat16. Products with matrices that are stored in float32 stay float32. Attention's products are rounded too, its probabilities as
  /// well, as those of a model are that transformers runs in bfloat16; with a key/value cache it stays float32.
  ///
  /// A product of random numbers differs from that in float32 by 2 parts in 1,000.
  case bfloat16

  /// What products of this task use; float32 unless somebody chose otherwise.
  @TaskLocal public static var current = ProductArithmetic.float32

  /// Whether operands of this task's products are rounded to bfloat16.
  package static var isBFloat16: Bool { current == .bfloat16 }
}
