internal import QPEFTKernels
public import QPEFTTensor

/// Cosines and sines by which the rows of a batch are rotated: row `i` of both belongs to row `i` of the batch.
public struct RotationTable: Sendable {
  /// `[rows, head / 2]` each.
  public let cosine, sine: Tensor
  let rows: [Int32]

  /// Tables `[rows, head / 2]`.
  public init(cosine: Tensor, sine: Tensor) {
    precondition(cosine.shape == sine.shape, "tables of \(cosine.shape) and \(sine.shape)")
    self.cosine = cosine
    self.sine = sine
    rows = (0..<Int32(cosine.shape.rows)).map { $0 }
  }

  /// `x` `[rows, heads · head]` rotated; `inverse` rotates back.
  func rotate(_ x: Tensor, head: Int, inverse: Bool, in room: Room) -> Tensor {
    var y = Tensor(uninitialized: x.shape, in: room)
    y.withMutableElements { y in
      x.withElements { x in
        cosine.withElements { cosine in
          sine.withElements { sine in
            rows.withUnsafeBufferPointer {
              Kernels.rotate(
                y, x, cosine: cosine, sine: sine, positions: $0, heads: x.count / (rows.count * head), head: head,
                inverse: inverse)
            }
          }
        }
      }
    }
    return y
  }
}

/// Rotary embedding of `x` [n, heads · head]; keeps the tables, which the whole pass shares.
///
/// - Source: Su et al. 2021, arXiv:2104.09864; halves paired as in transformers' `rotate_half`.
struct Rotation: Operation {
  let table: RotationTable
  let head: Int

  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Void) {
    (table.rotate(inputs[0], head: head, inverse: false, in: .activations), ())
  }

  func backward(_ gradient: Tensor, _ saved: Void, into gradients: InputGradients) {
    gradients.add(table.rotate(gradient, head: head, inverse: true, in: .gradients), to: 0)
  }
}

extension Variable {
  /// Rotary embedding of `[n, heads · head]`.
  public func rotated(by table: RotationTable, head: Int) -> Variable {
    tape.apply(Rotation(table: table, head: head), [self])
  }
}
