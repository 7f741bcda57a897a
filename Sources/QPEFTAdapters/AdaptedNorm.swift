internal import QPEFTAutodiff
internal import QPEFTKernels
internal import QPEFTTensor

/// Norms of the rows of `W + scale · B · A`, computed anew when A or B has changed.
///
/// Not a value: what was computed outlives the pass that asked for it, and is there when backward runs the pass again.
final class AdaptedNorm {
  private struct Key: Equatable {
    var a, b: Int
    /// The account that the norms are charged to: a dry run makes its own.
    var ledger: ObjectIdentifier?
    var refusedSteps: Int?
    var isPlanning: Bool
  }

  private var kept: (key: Key, norms: Tensor)?

  /// Norms of the rows [rows], for the values that A and B have now.
  func callAsFunction(of weight: any FrozenMatrix, update: LoRA) -> Tensor {
    let key = Key(
      a: update.a.version, b: update.b.version, ledger: MemoryLedger.current.map(ObjectIdentifier.init),
      refusedSteps: MemoryLedger.current?.refusedSteps, isPlanning: Tensor.isPlanning)
    if let kept, kept.key == key { return kept.norms }
    kept = nil
    let norms = Self.rows(of: weight, update: update)
    kept = (key, norms)
    return norms
  }

  /// Bytes of rows that are decoded at one time.
  private static let pieceByteCount = 4 << 20

  /// Norms of the rows of a matrix and its update, in pieces: the whole matrix is never decoded.
  static func rows(of weight: any FrozenMatrix, update: LoRA?) -> Tensor {
    var norms = Tensor(uninitialized: [weight.rows], in: .adapters)
    let piece = max(1, pieceByteCount / (weight.columns * MemoryLayout<Float>.stride))
    for start in stride(from: 0, to: weight.rows, by: piece) {
      let range = start..<min(start + piece, weight.rows)
      var rows = weight.rows(range.map(Int32.init))
      if let update { rows = update.merged(rows, at: range) ?? rows }
      let part = Self.rows(of: rows)
      norms.withMutableElements { norms in
        part.withElements { _ = UnsafeMutableBufferPointer(rebasing: norms[range]).update(fromContentsOf: $0) }
      }
    }
    return norms
  }

  /// Norms of the rows of a tensor.
  static func rows(of rows: Tensor) -> Tensor {
    var norms = Tensor(uninitialized: [rows.shape.rows], in: .workspace)
    norms.withMutableElements { norms in rows.withElements { Kernels.rowNorms(norms, $0) } }
    return norms
  }
}
