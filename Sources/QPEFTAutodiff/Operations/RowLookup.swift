internal import QPEFTKernels
public import QPEFTTensor

/// Rows of a trained matrix by index; keeps nothing. Backward adds each row's gradient to the row it came from.
struct RowLookup: Operation {
  let matrix: ParameterMatrix
  let ids: [Int32]

  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Void) { (matrix.rows(ids), ()) }

  func backward(_ gradient: Tensor, _ saved: Void, into gradients: InputGradients) {
    let width = matrix.columns
    gradients.write(0, [matrix.rows, width]) { dw, accumulate in
      dw.withMutableElements { dw in
        if !accumulate { dw.update(repeating: 0) }
        gradient.withElements { gradient in
          for (index, id) in ids.enumerated() {
            Kernels.axpy(
              UnsafeMutableBufferPointer(rebasing: dw[(Int(id) * width)..<((Int(id) + 1) * width)]),
              UnsafeBufferPointer(rebasing: gradient[(index * width)..<((index + 1) * width)]))
          }
        }
      }
    }
  }
}

extension Tape {
  /// Rows of a matrix by index, decoded: [ids.count, columns]. A `ParameterMatrix` gets its gradient, any other is frozen.
  public func rows(_ ids: [Int32], of matrix: any FrozenMatrix) -> Variable {
    guard let trained = matrix as? ParameterMatrix else { return Variable(matrix.rows(ids), on: self) }
    return apply(RowLookup(matrix: trained, ids: ids), [Variable(trained.parameter, on: self)])
  }
}
