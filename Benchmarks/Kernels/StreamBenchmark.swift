internal import Foundation
internal import QPEFTKernels
internal import QPEFTMeasurement

/// Kernels that are bound by memory, as bytes read and written a second, beside copying memory; and the codecs.
struct StreamBenchmark {
  let clock: TurnClock
  private let count = 1 << 24
  private let width = 2048

  func run() {
    let rows = count / width
    let (x, y, z, w, u) = (Numbers(count), Numbers(count), Numbers(count), Numbers(count), Numbers(count))
    for i in 0..<count { w.buffer[i] = abs(w.buffer[i]) }
    let (scale, inverse) = (Numbers(width), Numbers(rows))
    let (cosine, sine) = (Numbers(rows * 32), Numbers(rows * 32))
    let positions = (0..<rows).map { Int32($0) }
    let bytes = Double(count * 4)
    let kernels: [(String, Double, () -> Void)] = [
      ("copy", 2, { parallelCopy(y, x) }),
      ("add", 3, { Kernels.add(y.buffer, x.input, z.input) }),
      ("swiglu", 3, { Kernels.swiGLU(y.buffer, gate: x.input, up: z.input) }),
      ("swiglu back", 5, { Kernels.swiGLUBackward(y.buffer, u.buffer, x.input, gate: z.input, up: w.input) }),
      (
        "rms norm", 2,
        { Kernels.rmsNorm(y.buffer, inverseRMS: inverse.buffer, x.input, weight: scale.input, eps: 1e-5) }
      ),
      (
        "rms norm back", 3,
        {
          Kernels.rmsNormBackward(
            y.buffer, dweight: nil, z.input, x.input, inverseRMS: inverse.input, weight: scale.input, accumulate: false)
        }
      ),
      (
        "rotary", 2,
        {
          positions.withUnsafeBufferPointer {
            Kernels.rotate(
              y.buffer, x.input, cosine: cosine.input, sine: sine.input, positions: $0, heads: width / 64, head: 64,
              inverse: false)
          }
        }
      ),
      (
        "adamw", 7,
        {
          Kernels.adamW(
            parameter: y.buffer, firstMoment: z.buffer, secondMoment: w.buffer, gradient: x.input, gradientScale: 1,
            learningRate: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, step: 3)
        }
      ),
    ]
    let best = clock.best(turns: 3, repeats: 3, kernels.map { $0.2 })
    let copy = 2 * bytes / best[0]
    print("streams           GB/s  of copy")
    for (kernel, seconds) in zip(kernels, best) {
      let rate = kernel.1 * bytes / seconds
      print(padded(kernel.0, 14), String(format: "%7.1f %7.2f", rate / 1e9, rate / copy))
    }
    codecs(x, y, copy: copy)
  }

  private func codecs(_ x: Numbers, _ y: Numbers, copy: Double) {
    let weights = MeasuredWeights(.nf4Forward, rows: count / width, columns: width)
    let halves = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: count)
    defer { halves.deallocate() }
    for i in 0..<count { halves[i] = UInt16(x.buffer[i].bitPattern >> 16) }
    let codes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: count / 2)
    defer { codes.deallocate() }
    let absmax = Numbers(count / 64)
    let best = clock.best(
      turns: 3, repeats: 3,
      [
        {
          Kernels.quantize4Bit(
            codes: codes, absmax: absmax.buffer, values: UnsafeRawBufferPointer(halves), storage: .bf16, count: count,
            block: 64, kind: .nf4)
        }, { Kernels.decode(y.buffer, weights.view, first: 0) },
      ])
    let moved = Double(count) * (4 + 0.5 + 4.0 / 64)
    print(String(format: "quantize bf16 to nf4 %6.2f Gweight/s", Double(count) / best[0] / 1e9))
    print(
      String(
        format: "decode nf4 to f32    %6.2f Gweight/s, %.2f of copy", Double(count) / best[1] / 1e9,
        moved / best[1] / copy))
  }

  /// A copy by all threads, through the kernel that does nothing else.
  private func parallelCopy(_ y: Numbers, _ x: Numbers) {
    Kernels.decode(
      y.buffer, MatrixView(dense: UnsafeRawBufferPointer(x.buffer), storage: .f32, rows: count / width, columns: width),
      first: 0)
  }
}
