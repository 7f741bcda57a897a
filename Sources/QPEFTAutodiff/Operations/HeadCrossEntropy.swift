internal import QPEFTKernels
public import QPEFTTensor

/// Output head and cross-entropy in one, over labelled rows alone, in chunks: `tokens × vocabulary` logits never exist.
///
/// `loss = Σ over labelled rows of (logsumexp(h · Wᵀ) − logit of the label) / normalizer`.
/// - Shapes: `h` [n, d], `W` [vocabulary, d], result [1]. Label −100 means none (as in transformers).
/// - Memory: keeps the gradient of the labelled rows, computed in the same pass, and one chunk of logits while it runs. Where
///   the head is trained (a `ParameterMatrix`), its gradient too.
struct HeadCrossEntropy: Operation {
  let head: any FrozenMatrix
  let labels: [Int32]
  let normalizer: Double
  let wantsGradient: Bool
  /// Bytes of logits held at one time.
  let logitsByteCount: Int

  /// Gradient of the labelled rows, where these rows lie, and the gradient of a trained head.
  struct Saved {
    let gradient: Tensor?
    let headGradient: Tensor?
    let rows: [Int32]
    let shape: Shape
  }

  /// Inputs: `h`, and `W` where it is trained.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let h = inputs[0]
    precondition(labels.count == h.shape.rows, "\(labels.count) labels for \(h.shape.rows) rows")
    let rows = labels.indices.filter { labels[$0] >= 0 }.map(Int32.init)
    let width = h.shape.columns
    var gradient = wantsGradient ? Tensor(uninitialized: [rows.count, width]) : nil
    let trainsHead = wantsGradient && inputs.count > 1
    var headGradient = trainsHead ? Tensor.zeros([head.rows, width], in: .gradients) : nil
    var total = 0.0
    let chunk = max(1, min(rows.count, logitsByteCount / (head.rows * MemoryLayout<Float>.stride)))
    for start in stride(from: 0, to: rows.count, by: chunk) {
      let part = rows[start..<min(start + chunk, rows.count)]
      let hidden = h.gatherRows(part)
      var logits = Tensor(uninitialized: [part.count, head.rows], in: .workspace)
      head.multiply(hidden, into: &logits, accumulate: false, plus: nil)
      total += losses(of: &logits, labels: part.map { labels[Int($0)] })
      if wantsGradient {
        var dhidden = Tensor(uninitialized: hidden.shape, in: .workspace)
        head.multiplyTransposed(logits, into: &dhidden, accumulate: false, plus: nil)
        gradient?.replaceRows(at: start, with: dhidden)
        headGradient?.addProduct(logits, transposeA: true, hidden)
      }
    }
    let loss = Tensor([1], [Float(total / normalizer)])
    return (loss, Saved(gradient: gradient, headGradient: headGradient, rows: rows, shape: h.shape))
  }

  private func losses(of logits: inout Tensor, labels: [Int32]) -> Double {
    var total = 0.0
    logits.withMutableElements { logits in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: labels.count) { losses in
        labels.withUnsafeBufferPointer {
          Kernels.crossEntropy(
            logits: logits, losses: losses, labels: $0, vocabulary: head.rows,
            gradientScale: wantsGradient ? Float(1 / normalizer) : nil)
        }
        total = losses.reduce(into: 0.0) { $0 += Double($1) }
      }
    }
    return total
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    guard let rowsGradient = saved.gradient else { return }
    if let headGradient = saved.headGradient {
      // As a rule the loss is what backward starts from, and its gradient is 1.
      let factor = gradient.isPhantom ? 1 : gradient.scalar
      gradients.add(factor == 1 ? headGradient : factor * headGradient, to: 1)
    }
    gradients.write(0, saved.shape) { dh, accumulate in
      dh.withMutableElements { dh in
        let factor = gradient.scalar
        if !accumulate { dh.update(repeating: 0) }
        rowsGradient.withElements { source in
          let width = saved.shape.columns
          for (index, row) in saved.rows.enumerated() {
            Kernels.axpy(
              UnsafeMutableBufferPointer(rebasing: dh[(Int(row) * width)..<((Int(row) + 1) * width)]),
              UnsafeBufferPointer(rebasing: source[(index * width)..<((index + 1) * width)]), scale: factor)
          }
        }
      }
    }
  }
}

extension Tensor {
  /// A copy of the given innermost rows.
  fileprivate func gatherRows(_ rows: ArraySlice<Int32>) -> Tensor {
    let width = shape.columns
    var result = Tensor(uninitialized: [rows.count, width], in: .workspace)
    result.withMutableElements { result in
      withElements { source in
        for (index, row) in rows.enumerated() {
          _ = UnsafeMutableBufferPointer(rebasing: result[(index * width)...]).update(
            fromContentsOf: source[(Int(row) * width)..<((Int(row) + 1) * width)])
        }
      }
    }
    return result
  }

  fileprivate mutating func replaceRows(at start: Int, with rows: Tensor) {
    withMutableElements { target in
      rows.withElements {
        _ = UnsafeMutableBufferPointer(rebasing: target[(start * rows.shape.columns)...]).update(fromContentsOf: $0)
      }
    }
  }
}

extension Variable {
  /// Cross-entropy of `self · headᵀ` against `labels` (−100: none), summed over labelled rows and divided by `normalizer`.
  /// A head that is a `ParameterMatrix` gets its gradient.
  public func headCrossEntropy(_ head: any FrozenMatrix, labels: [Int32], normalizer: Double) -> Variable {
    let inputs = [self] + ((head as? ParameterMatrix).map { [Variable($0.parameter, on: tape)] } ?? [])
    return tape.apply(
      HeadCrossEntropy(
        head: head, labels: labels, normalizer: normalizer,
        wantsGradient: tape.isRecording && inputs.contains(where: \.needsGradient),
        logitsByteCount: tape.logitsByteCount),
      inputs)
  }
}
