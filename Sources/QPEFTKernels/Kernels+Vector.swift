internal import CQPKernels

/// Where a random number is drawn: the same key gives the same numbers, on any thread, in any order, twice.
public struct RandomKey: Hashable, Sendable {
  /// Seed of the run, step of the run, and place in the model.
  public var seed: UInt64, step: UInt32, site: UInt32

  /// A key of a seed, a step and a site.
  public init(seed: UInt64, step: UInt32 = 0, site: UInt32 = 0) {
    self.seed = seed
    self.step = step
    self.site = site
  }
}

extension Kernels {
  /// `y = a + b`; `y` may be `a` or `b`.
  package static func add(_ y: Output, _ a: Input, _ b: Input) {
    check("add a", a.count, y.count)
    check("add b", b.count, y.count)
    qp_add(y.baseAddress, a.baseAddress, b.baseAddress, y.count)
  }

  /// `y += scale · x`.
  package static func axpy(_ y: Output, _ x: Input, scale: Float = 1) {
    check("axpy x", x.count, y.count)
    qp_axpy(y.baseAddress, x.baseAddress, scale, y.count)
  }

  /// `y *= scale`.
  package static func scale(_ y: Output, by scale: Float) { qp_scale(y.baseAddress, scale, y.count) }

  /// `y = a · b`, element by element; `y` may be `a` or `b`.
  package static func multiplyElements(_ y: Output, _ a: Input, _ b: Input) {
    check("multiplyElements a", a.count, y.count)
    check("multiplyElements b", b.count, y.count)
    qp_multiply(y.baseAddress, a.baseAddress, b.baseAddress, y.count)
  }

  /// `y[i, :] += row` for every row.
  package static func addRow(_ y: Output, _ row: Input) {
    guard row.count > 0 else { return }
    precondition(y.count % row.count == 0, "addRow: \(y.count) elements in rows of \(row.count)")
    qp_add_row(y.baseAddress, row.baseAddress, y.count / row.count, row.count)
  }

  /// `row += Σ x[i, :]`.
  package static func sumRows(_ row: Output, _ x: Input) {
    guard row.count > 0 else { return }
    precondition(x.count % row.count == 0, "sumRows: \(x.count) elements in rows of \(row.count)")
    qp_sum_rows(row.baseAddress, x.baseAddress, x.count / row.count, row.count)
  }

  /// `Σ x²`, in double.
  package static func sumOfSquares(_ x: Input) -> Double { qp_sum_of_squares(x.baseAddress, x.count) }

  /// `Σ a · b`, in double.
  package static func dot(_ a: Input, _ b: Input) -> Double {
    check("dot", a.count, b.count)
    return qp_dot(a.baseAddress, b.baseAddress, a.count)
  }

  /// Inverted dropout: each element is kept, divided by `1 − p`, or zeroed, as the key decides. `y` may be `x`.
  package static func dropout(_ y: Output, _ x: Input, p: Float, key: RandomKey) {
    check("dropout x", x.count, y.count)
    qp_dropout(y.baseAddress, x.baseAddress, p, key.seed, key.step, key.site, y.count)
  }

  /// Uniform numbers in [0, 1).
  package static func uniform(_ y: Output, key: RandomKey) {
    qp_uniform(y.baseAddress, key.seed, key.step, key.site, y.count)
  }

  /// One AdamW step, as `torch.optim.AdamW`; `gradientScale` multiplies the gradient first; `step` counts from 1.
  package static func adamW(
    parameter: Output, firstMoment: Output, secondMoment: Output, gradient: Input, gradientScale: Float,
    learningRate: Float, beta1: Float, beta2: Float, eps: Float, weightDecay: Float, step: Int
  ) {
    check("adamW m", firstMoment.count, parameter.count)
    check("adamW v", secondMoment.count, parameter.count)
    check("adamW gradient", gradient.count, parameter.count)
    qp_adamw(
      parameter.baseAddress, firstMoment.baseAddress, secondMoment.baseAddress, gradient.baseAddress, gradientScale,
      learningRate, beta1, beta2, eps, weightDecay, UInt64(step), parameter.count)
  }
}
