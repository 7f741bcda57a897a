internal import QPEFTKernels

/// One case with its operands: what is timed, and the dense product that it is compared with.
public final class KernelWork {
  /// What is measured.
  public let kernelCase: KernelCase
  /// Multiplications and additions of one call of the yardstick.
  public let yardstickOperations: Double
  private let work: () -> Void
  private let yardstick: () -> Void

  /// Makes the operands: for a product, the matrix both quantized and as floats.
  public convenience init(_ kernelCase: KernelCase) {
    self.init(
      kernelCase,
      weights: kernelCase.kernel.isProduct
        ? MeasuredWeights(kernelCase.kernel, rows: kernelCase.rows, columns: kernelCase.columns) : nil)
  }

  init(_ kernelCase: KernelCase, weights: MeasuredWeights?) {
    self.kernelCase = kernelCase
    if let weights {
      yardstickOperations = kernelCase.operations
      (work, yardstick) = Self.product(kernelCase, weights)
    } else {
      yardstickOperations = 2 * Double(kernelCase.tokens * kernelCase.tokens * kernelCase.columns)
      (work, yardstick) = Self.attention(kernelCase)
    }
  }

  /// Calls the kernel once.
  public func run() { work() }

  /// What `runYardstick` calls, for example `OpenBLAS 0.3.21, Haswell kernels`; nil: the system does not have it.
  public static var yardstickName: String? { Kernels.yardstick }

  /// Calls OpenBLAS's sgemm once, with all its threads: the same product with the matrix as floats. For attention, queries of one
  /// head with its keys: `[tokens, head] · [head, tokens]`. Only where `yardstickName` is not nil.
  public func runYardstick() { yardstick() }

  private static func product(_ shape: KernelCase, _ weights: MeasuredWeights) -> (() -> Void, () -> Void) {
    let (isTransposed, isInBF16) = (shape.kernel.isTransposed, shape.kernel.isInBF16)
    let (inputs, outputs) = isTransposed ? (shape.rows, shape.columns) : (shape.columns, shape.rows)
    let x = Numbers(shape.tokens * inputs)
    let y = Numbers(shape.tokens * outputs)
    let scratch = Scratch(Kernels.multiplyScratchBytes(weights.view, n: shape.tokens))
    let work = {
      if isTransposed {
        Kernels.multiplyTransposed(
          y.buffer, x.input, weights.view, n: shape.tokens, inBFloat16: isInBF16, scratch: scratch.bytes)
      } else {
        Kernels.multiply(
          y.buffer, x.input, weights.view, n: shape.tokens, inBFloat16: isInBF16, scratch: scratch.bytes)
      }
    }
    let yardstick = {
      Kernels.yardstickGemm(
        y.buffer, x.input, weights.dense.input, transposeB: !isTransposed, m: shape.tokens, n: outputs, k: inputs)
    }
    return (work, yardstick)
  }

  private static func attention(_ shape: KernelCase) -> (() -> Void, () -> Void) {
    let (heads, head, tokens) = (shape.rows, shape.columns, shape.tokens)
    let operands = AttentionOperands(
      AttentionShape(
        heads: heads, keyValueHeads: max(1, heads / 8), head: head, scale: 1 / Float(head).squareRoot()), tokens: tokens
    )
    let scores = Numbers(tokens * tokens)
    let (query, key) = (Numbers(tokens * head), Numbers(tokens * head))
    let yardstick = {
      Kernels.yardstickGemm(
        scores.buffer, query.input, key.input, transposeB: true, m: tokens, n: tokens, k: head)
    }
    operands.forward()
    return (shape.kernel == .attentionForward ? operands.forward : operands.backward, yardstick)
  }
}
