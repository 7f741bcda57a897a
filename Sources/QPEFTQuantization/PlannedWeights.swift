internal import QPEFTKernels
public import QPEFTTensor

/// Weights of which nothing but sizes is there, for dry runs: linear layers as `scheme` quantizes them, embedding and head in
/// bfloat16.
public struct PlannedWeights: WeightSource {
  /// How linear layers would be stored.
  public let scheme: QuantizationScheme

  /// Weights that `scheme` would quantize.
  public init(_ scheme: QuantizationScheme = QuantizationScheme()) { self.scheme = scheme }

  /// Whatever a configuration asks for is there.
  public func contains(_ name: String) -> Bool { true }

  /// Throws: sizes are not known by name.
  public func frozenMatrix(named name: String) throws -> any FrozenMatrix {
    throw QuantizationError.unknownSize(tensor: name)
  }

  /// Throws: sizes are not known by name.
  public func vector(named name: String) throws -> Tensor { throw QuantizationError.unknownSize(tensor: name) }

  /// A matrix of that size.
  public func frozenMatrix(named name: String, rows: Int, columns: Int) -> any FrozenMatrix {
    // What transformers leaves as it is.
    let isDense = name.hasPrefix("model.embed_tokens") || name.hasPrefix("lm_head")
    return PlannedMatrix(rows: rows, columns: columns, scheme: isDense ? nil : scheme)
  }

  /// A vector of that size.
  public func vector(named name: String, count: Int) -> Tensor { Tensor(uninitialized: [count], in: .weights) }
}

/// A frozen matrix that has a size and no numbers.
struct PlannedMatrix: FrozenMatrix {
  let rows, columns: Int
  /// Nil: bfloat16.
  let scheme: QuantizationScheme?

  var byteCount: Int { scheme?.byteCount(rows * columns) ?? 2 * rows * columns }
  var storageName: String { scheme?.format.rawValue ?? "bf16" }

  func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    count(y, x.shape.rows, isTransposed: false, plus: term)
  }

  func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    count(dx, dy.shape.rows, isTransposed: true, plus: term)
  }

  private func count(_ result: Tensor, _ n: Int, isTransposed: Bool, plus term: LowRankTerm?) {
    precondition(result.isPhantom, "a planned matrix has no numbers")
    WorkMeter.current?.add(
      .product(
        storage: storageName, rows: rows, columns: columns, isTransposed: isTransposed, tokens: n,
        isBFloat16: ProductArithmetic.isBFloat16), plus: term)
    Tensor.withWorkspace(byteCount: workspaceByteCount(rows: n)) { _ in }
  }

  func rows(_ ids: [Int32]) -> Tensor { Tensor(uninitialized: [ids.count, columns]) }

  func workspaceByteCount(rows n: Int) -> Int { Kernels.multiplyScratchBytes(rows: rows, columns: columns, n: n) }
}
