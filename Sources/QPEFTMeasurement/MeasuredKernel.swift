internal import QPEFTKernels

/// A kernel that can be measured.
public enum MeasuredKernel: String, CaseIterable, Codable, Sendable {
  /// `x · Wᵀ` with W in NF4, blocks of 64.
  case nf4Forward = "nf4_forward"
  /// `dy · W` with W in NF4.
  case nf4Backward = "nf4_backward"
  /// `x · Wᵀ` with W in NF4 and operands rounded to bfloat16.
  case nf4ForwardInBF16 = "nf4_forward_in_bf16"
  /// `dy · W` of that kind.
  case nf4BackwardInBF16 = "nf4_backward_in_bf16"
  /// `x · Wᵀ` with W in bfloat16, as heads are stored.
  case bf16Forward = "bf16_forward"
  /// Causal attention; `rows` are its heads, `columns` the size of one.
  case attentionForward = "attention_forward"
  /// Its backward.
  case attentionBackward = "attention_backward"

  /// Whether it multiplies with a matrix.
  var isProduct: Bool { self != .attentionForward && self != .attentionBackward }

  /// Whether it is `dy · W`.
  var isTransposed: Bool { self == .nf4Backward || self == .nf4BackwardInBF16 }

  /// Whether it rounds operands to bfloat16.
  var isInBF16: Bool { self == .nf4ForwardInBF16 || self == .nf4BackwardInBF16 }
}

/// A kernel on one shape.
public struct KernelCase: Hashable, Sendable {
  /// Which kernel.
  public var kernel: MeasuredKernel
  /// Rows and columns of the matrix; heads and head size of attention.
  public var rows, columns: Int
  /// Rows of x; of attention, the length of one document.
  public var tokens: Int

  /// A kernel on a shape.
  public init(_ kernel: MeasuredKernel, rows: Int, columns: Int, tokens: Int) {
    self.kernel = kernel
    self.rows = rows
    self.columns = columns
    self.tokens = tokens
  }

  /// Multiplications and additions of one call. Of attention, those of the pairs of rows that see each other.
  public var operations: Double {
    let (rows, columns, tokens) = (Double(rows), Double(columns), Double(tokens))
    return switch kernel {
    case .nf4Forward, .nf4Backward, .nf4ForwardInBF16, .nf4BackwardInBF16, .bf16Forward: 2 * rows * columns * tokens
    case .attentionForward: 2 * rows * columns * tokens * (tokens + 1)
    case .attentionBackward: 5 * rows * columns * tokens * (tokens + 1)
    }
  }
}

extension [KernelCase] {
  /// What a minute is enough for: matrices of SmolLM2-135M, TinyLlama-1.1B and Llama-2-7B, a head, attention.
  public static var standard: [KernelCase] {
    products([(576, 1536), (2048, 5632), (4096, 4096), (11008, 4096)], tokens: [1, 8, 64, 256, 512])
      + productsInBF16([(576, 1536), (4096, 4096)], tokens: [64, 512]) + heads(tokens: [1, 512])
      + attention(tokens: [512, 2048])
  }

  /// Some of them, in a quarter of the time.
  public static var quick: [KernelCase] {
    products([(2048, 5632), (4096, 4096)], tokens: [1, 64, 512]) + productsInBF16([(4096, 4096)], tokens: [512])
      + heads(tokens: [1, 512]) + attention(tokens: [512])
  }

  private static func products(
    _ shapes: [(Int, Int)], _ kernels: [MeasuredKernel] = [.nf4Forward, .nf4Backward], tokens: [Int]
  ) -> [KernelCase] {
    shapes.flatMap { rows, columns in
      kernels.flatMap { kernel in tokens.map { KernelCase(kernel, rows: rows, columns: columns, tokens: $0) } }
    }
  }

  /// Where the processor has instructions for them: elsewhere they are products of floats, and roundings.
  private static func productsInBF16(_ shapes: [(Int, Int)], tokens: [Int]) -> [KernelCase] {
    KernelSet.multipliesBFloat16 ? products(shapes, [.nf4ForwardInBF16, .nf4BackwardInBF16], tokens: tokens) : []
  }

  private static func heads(tokens: [Int]) -> [KernelCase] {
    tokens.map { KernelCase(.bf16Forward, rows: 32000, columns: 2048, tokens: $0) }
  }

  private static func attention(tokens: [Int]) -> [KernelCase] {
    [MeasuredKernel.attentionForward, .attentionBackward].flatMap { kernel in
      tokens.map { KernelCase(kernel, rows: 32, columns: 64, tokens: $0) }
    }
  }
}
