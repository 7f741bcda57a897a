public import QPEFTTensor

/// A trained matrix seen as the linear operator that it is now: an output head or an embedding that training changes.
public struct ParameterMatrix: FrozenMatrix {
  /// The matrix `[rows, columns]`.
  public let parameter: Parameter

  /// The operator of a parameter of two dimensions.
  public init(_ parameter: Parameter) {
    precondition(parameter.value.shape.rank == 2, "a matrix has two dimensions, not \(parameter.value.shape)")
    self.parameter = parameter
  }

  /// Output features.
  public var rows: Int { parameter.value.shape[0] }
  /// Input features.
  public var columns: Int { parameter.value.shape[1] }
  /// Bytes in memory.
  public var byteCount: Int { parameter.value.byteCount }
  /// `f32`.
  public var storageName: String { "f32" }

  /// `y[n, rows] = x · Wᵀ + term`, or `+=`.
  public func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    y.addProduct(x, parameter.value, transposeB: true, accumulate: accumulate)
    if let term { y.addProduct(term.hidden, term.factor, transposeB: true) }
  }

  /// `dx[n, columns] = dy · W + term`, or `+=`.
  public func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    dx.addProduct(dy, parameter.value, accumulate: accumulate)
    if let term { dx.addProduct(term.hidden, term.factor) }
  }

  /// Rows by index.
  public func rows(_ ids: [Int32]) -> Tensor {
    precondition(ids.allSatisfy { 0 <= $0 && $0 < self.rows }, "an id is not a row of \(self.rows)")
    var rows = Tensor(uninitialized: [ids.count, columns])
    rows.withMutableElements { rows in
      parameter.value.withElements { source in
        for (index, id) in ids.enumerated() {
          _ = UnsafeMutableBufferPointer(rebasing: rows[(index * columns)...]).update(
            fromContentsOf: source[(Int(id) * columns)..<((Int(id) + 1) * columns)])
        }
      }
    }
    return rows
  }

  /// None.
  public func workspaceByteCount(rows n: Int) -> Int { 0 }
}
