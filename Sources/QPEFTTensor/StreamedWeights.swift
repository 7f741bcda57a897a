/// Weights of which a bounded part is resident.
public struct StreamedWeights: WeightSource {
  private let source: any WeightSource
  private let residency: WeightResidency

  /// The weights of `source`, as resident as `residency` allows.
  public init(_ source: any WeightSource, _ residency: WeightResidency) {
    self.source = source
    self.residency = residency
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { source.contains(name) }

  /// A small dense tensor as float32.
  public func vector(named name: String) throws -> Tensor { try source.vector(named: name) }

  /// A small dense tensor as float32, of so many numbers.
  public func vector(named name: String, count: Int) throws -> Tensor { try source.vector(named: name, count: count) }

  /// A matrix that takes part in the bound.
  public func frozenMatrix(named name: String) throws -> any FrozenMatrix {
    streamed(try source.frozenMatrix(named: name), name)
  }

  /// A matrix that takes part in the bound.
  public func frozenMatrix(named name: String, rows: Int, columns: Int) throws -> any FrozenMatrix {
    streamed(try source.frozenMatrix(named: name, rows: rows, columns: columns), name)
  }

  private func streamed(_ matrix: any FrozenMatrix, _ name: String) -> StreamedMatrix {
    StreamedMatrix(matrix: matrix, residency: residency, part: residency.add(matrix, to: Self.part(of: name)))
  }

  /// Matrices of one numbered block are a part, for example `model.layers.7`; any other is one of its own.
  private static func part(of name: String) -> String {
    let words = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let number = words.firstIndex(where: { Int($0) != nil }) else { return name }
    return words[...number].joined(separator: ".")
  }
}

/// A matrix that tells its `WeightResidency` before it is read.
package struct StreamedMatrix: FrozenMatrix {
  let matrix: any FrozenMatrix
  package let residency: WeightResidency
  let part: Int

  package var rows: Int { matrix.rows }
  package var columns: Int { matrix.columns }
  package var byteCount: Int { matrix.byteCount }
  package var storageName: String { matrix.storageName }

  package func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    willUse()
    matrix.multiply(x, into: &y, accumulate: accumulate, plus: term)
  }

  package func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    willUse()
    matrix.multiplyTransposed(dy, into: &dx, accumulate: accumulate, plus: term)
  }

  /// A few rows are a few pages: they don't count.
  package func rows(_ ids: [Int32]) -> Tensor { matrix.rows(ids) }

  package func workspaceByteCount(rows n: Int) -> Int { matrix.workspaceByteCount(rows: n) }
  package func release() { matrix.release() }
  package func prefetch() { matrix.prefetch() }

  private func willUse() { if !Tensor.isPlanning { residency.willUse(part) } }
}
