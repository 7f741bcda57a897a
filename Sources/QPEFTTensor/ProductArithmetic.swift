/// How a product with a frozen matrix is computed. The choice holds for a task, as long as `$current.withValue` runs.
public enum ProductArithmetic: String, Hashable, Sendable, Codable {
  /// In float32.
  case float32
  /// A single row times a 4-bit matrix in whole numbers of 15 bits, where the processor has such a kernel (AVX2, AVX-512): 1.4 to
  /// 2.2 times as fast; everything else in float32.
  ///
  /// The row has a scale for every 64 numbers; a product differs from that in float32 by a few parts in 100,000. For writing
  /// text, never for training.
  case fixedPoint

  /// What products of this task use; float32 unless somebody chose otherwise.
  @TaskLocal public static var current = ProductArithmetic.float32
}
