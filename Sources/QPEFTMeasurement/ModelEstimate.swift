/// What measured kernels mean for a model of known shape: arithmetic over its linear layers and its head, in NF4 and bfloat16.
/// Attention, norms and the optimizer come on top.
public struct ModelEstimate: Hashable, Codable, Sendable {
  /// The model.
  public let name: String
  /// Number of its weights.
  public let parameters: Int
  /// Bytes of the quantized checkpoint, which are mapped from disk: linear layers in NF4 with double quantization, embedding and
  /// head in 16 bits.
  public let weightBytes: Int
  /// Bytes of weights that one generated token reads.
  public let bytesPerToken: Int
  /// Tokens a second, generated one at a time.
  public let generateTokensPerSecond: Double
  /// Tokens a second, trained 512 at a time with recomputation.
  public let trainTokensPerSecond: Double
  /// Tokens a second, trained 512 at a time without recomputation.
  public let trainWithoutRecomputationTokensPerSecond: Double

  enum CodingKeys: String, CodingKey {
    case name, parameters
    case weightBytes = "weight_bytes"
    case bytesPerToken = "bytes_per_token"
    case generateTokensPerSecond = "generate_tokens_per_second"
    case trainTokensPerSecond = "train_tokens_per_second"
    case trainWithoutRecomputationTokensPerSecond = "train_without_recomputation_tokens_per_second"
  }

  private struct Shape {
    var name: String
    var hidden, intermediate, blocks, keyValueWidth, vocabulary: Int
    /// The measured matrix that stands for all of its linear layers.
    var measured: (rows: Int, columns: Int)
  }

  private static let shapes = [
    Shape(
      name: "TinyLlama-1.1B", hidden: 2048, intermediate: 5632, blocks: 22, keyValueWidth: 256, vocabulary: 32000,
      measured: (2048, 5632)),
    Shape(
      name: "Llama-2-7B", hidden: 4096, intermediate: 11008, blocks: 32, keyValueWidth: 4096, vocabulary: 32000,
      measured: (4096, 4096)),
  ]

  /// The estimates that `speeds` are enough for: they name the shapes 2048 x 5632 and 4096 x 4096 with 1 and 512 tokens, and a head.
  public static func all(_ speeds: [KernelSpeed]) -> [ModelEstimate] { shapes.compactMap { estimate($0, speeds) } }

  private static func estimate(_ shape: Shape, _ speeds: [KernelSpeed]) -> ModelEstimate? {
    func rate(_ kernel: MeasuredKernel, _ tokens: Int, _ matrix: (rows: Int, columns: Int)?) -> Double? {
      speeds.first {
        $0.kernel == kernel.rawValue && $0.tokens == tokens
          && (matrix.map { [$0.rows, $0.columns] } ?? [$0.rows, $0.columns]) == [$0.rows, $0.columns]
      }.map { $0.gflops * 1e9 }
    }
    guard let one = rate(.nf4Forward, 1, shape.measured), let forward = rate(.nf4Forward, 512, shape.measured),
      let backward = rate(.nf4Backward, 512, shape.measured), let headOne = rate(.bf16Forward, 1, nil),
      let headMany = rate(.bf16Forward, 512, nil)
    else { return nil }
    let hidden = shape.hidden
    let attention = 2 * hidden * hidden + 2 * hidden * shape.keyValueWidth
    let linear = shape.blocks * (attention + 3 * hidden * shape.intermediate)
    let head = shape.vocabulary * hidden
    // Half a byte a weight, a byte of scale for 64 of them, and a float for 256 scales.
    let linearBytes = linear / 2 + linear / 64 + linear / 64 / 64
    let (linearWork, headWork) = (2 * Double(linear), 2 * Double(head))
    // A frozen weight has no gradient: a step is forward, backward to its input, and forward once more where it recomputes.
    let headTime = 2 * headWork / headMany
    let step = linearWork / forward + linearWork / backward + headTime
    return ModelEstimate(
      name: shape.name, parameters: linear + 2 * head + (2 * shape.blocks + 1) * hidden,
      weightBytes: linearBytes + 4 * head, bytesPerToken: linearBytes + 2 * head,
      generateTokensPerSecond: 1 / (linearWork / one + headWork / headOne),
      trainTokensPerSecond: 1 / (step + linearWork / forward), trainWithoutRecomputationTokensPerSecond: 1 / step)
  }
}
