internal import CQPKernels

extension Kernels {
  /// Numbers of a block of 8-bit moments.
  package static var momentBlock: Int { 256 }

  /// bitsandbytes' unsigned dynamic map of 8-bit codes, `udynamic`.
  package static var unsignedDynamicMap: [Float] {
    withUnsafeBytes(of: qp_dynamic_map_unsigned) { Array($0.bindMemory(to: Float.self)) }
  }

  /// A moment of 8 bits: one code for each number, one scale for each block.
  package struct Moment8Bit {
    let codes: UnsafeMutableBufferPointer<UInt8>
    let absmax: Output

    package init(codes: UnsafeMutableBufferPointer<UInt8>, absmax: Output) {
      self.codes = codes
      self.absmax = absmax
    }

    func check(_ name: StaticString, count: Int) {
      precondition(codes.count >= count, "\(name): \(codes.count) codes, expected \(count)")
      Kernels.check(name, absmax.count, MatrixView.blocks(count, momentBlock))
    }
  }

  /// `adamW` over 8-bit moments, as bitsandbytes' `AdamW8bit` on a CPU.
  package static func adamW8Bit(
    parameter: Output, firstMoment: Moment8Bit, secondMoment: Moment8Bit, gradient: Input, gradientScale: Float,
    learningRate: Float, beta1: Float, beta2: Float, eps: Float, weightDecay: Float, step: Int
  ) {
    firstMoment.check("adamW8Bit m", count: parameter.count)
    secondMoment.check("adamW8Bit v", count: parameter.count)
    check("adamW8Bit gradient", gradient.count, parameter.count)
    qp_adamw8(
      parameter.baseAddress, firstMoment.codes.baseAddress, firstMoment.absmax.baseAddress,
      secondMoment.codes.baseAddress, secondMoment.absmax.baseAddress, gradient.baseAddress, gradientScale,
      learningRate, beta1, beta2, eps, weightDecay, UInt64(step), parameter.count)
  }

  /// One Lion step.
  package static func lion(
    parameter: Output, moment: Output, gradient: Input, gradientScale: Float, learningRate: Float, beta1: Float,
    beta2: Float, weightDecay: Float
  ) {
    check("lion m", moment.count, parameter.count)
    check("lion gradient", gradient.count, parameter.count)
    qp_lion(
      parameter.baseAddress, moment.baseAddress, gradient.baseAddress, gradientScale, learningRate, beta1, beta2,
      weightDecay, parameter.count)
  }

  /// One step of `torch.optim.SGD` with momentum.
  package static func sgd(
    parameter: Output, moment: Output, gradient: Input, gradientScale: Float, learningRate: Float, momentum: Float,
    weightDecay: Float, nesterov: Bool
  ) {
    check("sgd m", moment.count, parameter.count)
    check("sgd gradient", gradient.count, parameter.count)
    qp_sgd(
      parameter.baseAddress, moment.baseAddress, gradient.baseAddress, gradientScale, learningRate, momentum,
      weightDecay, nesterov ? 1 : 0, parameter.count)
  }

  /// What one Adafactor step needs besides tensors; `beta2` is that of the step.
  package struct AdafactorStep {
    package var gradientScale, learningRate, beta2, eps, clipThreshold, weightDecay: Float

    package init(
      gradientScale: Float, learningRate: Float, beta2: Float, eps: Float, clipThreshold: Float, weightDecay: Float
    ) {
      self.gradientScale = gradientScale
      self.learningRate = learningRate
      self.beta2 = beta2
      self.eps = eps
      self.clipThreshold = clipThreshold
      self.weightDecay = weightDecay
    }
  }

  /// One Adafactor step of a matrix `[row.count, column.count]`. `scratch`: 2 · rows + columns floats.
  package static func adafactor(
    matrix: Output, row: Output, column: Output, gradient: Input, _ step: AdafactorStep, scratch: Output
  ) {
    check("adafactor matrix", matrix.count, row.count * column.count)
    check("adafactor gradient", gradient.count, matrix.count)
    precondition(scratch.count >= 2 * row.count + column.count, "adafactor: too little scratch")
    qp_adafactor_matrix(
      matrix.baseAddress, row.baseAddress, column.baseAddress, gradient.baseAddress, step.gradientScale,
      step.learningRate, step.beta2, step.eps, step.clipThreshold, step.weightDecay, row.count, column.count,
      scratch.baseAddress)
  }

  /// One Adafactor step of a vector. `scratch`: as many floats.
  package static func adafactor(
    vector: Output, moment: Output, gradient: Input, _ step: AdafactorStep, scratch: Output
  ) {
    check("adafactor v", moment.count, vector.count)
    check("adafactor gradient", gradient.count, vector.count)
    precondition(scratch.count >= vector.count, "adafactor: too little scratch")
    qp_adafactor_vector(
      vector.baseAddress, moment.baseAddress, gradient.baseAddress, step.gradientScale, step.learningRate, step.beta2,
      step.eps, step.clipThreshold, step.weightDecay, vector.count, scratch.baseAddress)
  }
}
