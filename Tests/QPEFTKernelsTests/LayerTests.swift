import Foundation
import QPEFTKernels
import Testing

extension KernelTests {
  @Suite("Norms, rotation, gated units, cross entropy") struct LayerTests {
    @Test("RMS norm and its gradient are those of the formula", arguments: KernelSet.supported, [1, 7, 64, 577])
    func rmsNorm(set: String, d: Int) throws {
      let n = 37
      var random = Random(d)
      let x = random.floats(n * d)
      let dy = random.floats(n * d)
      let w = random.floats(d)
      let dx0 = random.floats(n * d)
      let found = try with(set) {
        sameForAllThreads("rmsNorm") {
          var inverse = [Float](repeating: .nan, count: n)
          let y = filled(n * d) { y in
            inverse.withUnsafeMutableBufferPointer { inverse in
              withAll([x, w]) { Kernels.rmsNorm(y, inverseRMS: inverse, $0[0], weight: $0[1], eps: 1e-5) }
            }
          }
          var dw = [Float](repeating: 0, count: d)
          func backward(onto start: [Float]?) -> [Float] {
            filled(n * d, start) { dx in
              dw.withUnsafeMutableBufferPointer { dw in
                withAll([dy, x, inverse, w]) {
                  Kernels.rmsNormBackward(
                    dx, dweight: start == nil ? dw : nil, $0[0], $0[1], inverseRMS: $0[2], weight: $0[3],
                    accumulate: start != nil)
                }
              }
            }
          }
          return [y, inverse, backward(onto: nil), backward(onto: dx0), dw]
        }
      }
      var y = [Double](repeating: 0, count: n * d)
      var inverse = [Double](repeating: 0, count: n)
      var dx = y
      var dw = [Double](repeating: 0, count: d)
      for i in 0..<n {
        let row = (0..<d).map { Double(x[i * d + $0]) }
        let r = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(d) + Double(Float(1e-5))).squareRoot()
        inverse[i] = r
        let s = (0..<d).reduce(0.0) { $0 + Double(dy[i * d + $1]) * Double(w[$1]) * row[$1] }
        for c in 0..<d {
          y[i * d + c] = row[c] * r * Double(w[c])
          dx[i * d + c] = Double(dy[i * d + c]) * Double(w[c]) * r - row[c] * s * r * r * r / Double(d)
          dw[c] += Double(dy[i * d + c]) * row[c] * r
        }
      }
      let largest = inverse.max() ?? 1
      #expect(excess(found[0], y) { 4 * eps * abs(y[$0]) } <= 1)
      #expect(excess(found[1], inverse) { 2 * eps * inverse[$0] } <= 1)
      #expect(excess(found[2], dx) { _ in 8 * eps * largest } <= 1)
      #expect(excess(found[3], zip(dx, dx0).map { $0 + Double($1) }) { _ in 10 * eps * max(largest, 1) } <= 1)
      #expect(excess(found[4], dw) { _ in Double(n + 4) * eps * largest * Double(n) } <= 1)
    }

    @Test("rotation turns pairs as transformers does, and back", arguments: KernelSet.supported, [2, 20, 64, 130])
    func rotate(set: String, head: Int) throws {
      let half = head / 2
      var random = Random(head)
      let angles = random.floats(11 * half, scale: 3)
      let cosine = angles.map { cos($0) }
      let sine = angles.map { sin($0) }
      let positions: [Int32] = [0, 10, 3, 3, 7]
      let x = random.floats(5 * 3 * head)
      func turn(_ x: [Float], inverse: Bool) -> [Float] {
        filled(x.count) { y in
          positions.withUnsafeBufferPointer { positions in
            withAll([x, cosine, sine]) {
              Kernels.rotate(
                y, $0[0], cosine: $0[1], sine: $0[2], positions: positions, heads: 3, head: head, inverse: inverse)
            }
          }
        }
      }
      let (turned, back) = try with(set) { (turn(x, inverse: false), turn(turn(x, inverse: false), inverse: true)) }
      var exact = x.map(Double.init)
      for i in 0..<5 {
        for h in 0..<3 {
          for j in 0..<half {
            let a = (i * 3 + h) * head + j
            let c = Double(cosine[Int(positions[i]) * half + j])
            let s = Double(sine[Int(positions[i]) * half + j])
            exact[a] = Double(x[a]) * c - Double(x[a + half]) * s
            exact[a + half] = Double(x[a + half]) * c + Double(x[a]) * s
          }
        }
      }
      #expect(excess(turned, exact) { _ in 4 * eps } <= 1)
      #expect(excess(back, x.map(Double.init)) { _ in 10 * eps } <= 1)
    }

    @Test(
      "SwiGLU and its gradient hold for every size of gate", arguments: KernelSet.supported, [1, 15, 17, 1000, 40_003])
    func swiGLU(set: String, count: Int) throws {
      var random = Random(count)
      var gate = random.floats(count, scale: 20)
      let up = random.floats(count)
      let dy = random.floats(count)
      for (i, g) in [Float(0), 1e-30, -1e-30, 88, -88, 104, -104, 1000, -1000].enumerated() where i < count {
        gate[i] = g
      }
      let (y, dgate, dup) = try with(set) {
        let y = filled(count) { y in withAll([gate, up]) { Kernels.swiGLU(y, gate: $0[0], up: $0[1]) } }
        var dup = up
        let dgate = filled(count) { dgate in
          dup.withUnsafeMutableBufferPointer { dup in
            // `dup` may be the memory of `up`.
            withAll([dy, gate]) { Kernels.swiGLUBackward(dgate, dup, $0[0], gate: $0[1], up: .init(dup)) }
          }
        }
        return (y, dgate, dup)
      }
      let sigmoid = gate.map { 1 / (1 + exp(-Double($0))) }
      let silu = zip(gate, sigmoid).map { Double($0) * $1 }
      let exactY = zip(silu, up).map { $0 * Double($1) }
      let exactUp = zip(silu, dy).map { $0 * Double($1) }
      let exactGate: [Double] = (0..<count).map { i in
        let slope: Double = sigmoid[i] * (1 + Double(gate[i]) * (1 - sigmoid[i]))
        return Double(dy[i]) * Double(up[i]) * slope
      }
      let gateBound: [Double] = (0..<count).map { i in
        16 * eps * abs(Double(dy[i]) * Double(up[i])) * (1 + abs(Double(gate[i])))
      }
      #expect(excess(y, exactY) { 8 * eps * abs(exactY[$0]) + 1e-37 } <= 1)
      #expect(excess(dup, exactUp) { 8 * eps * abs(exactUp[$0]) + 1e-37 } <= 1)
      #expect(excess(dgate, exactGate) { gateBound[$0] } <= 1)
    }

    @Test(
      "cross entropy gives losses, best tokens and gradients", arguments: KernelSet.supported, [2, 15, 4999, 200_003])
    func crossEntropy(set: String, vocabulary: Int) throws {
      let n = 9
      var random = Random(vocabulary)
      let logits = random.floats(n * vocabulary, scale: 12)
      let labels = (0..<n).map { _ in Int32(random.next() % UInt64(vocabulary)) }
      let (losses, gradient, best, kept) = try with(set) {
        var losses = [Float](repeating: .nan, count: n)
        var best = [Int32](repeating: -1, count: n)
        func run(_ scale: Float?) -> [Float] {
          filled(logits.count, logits) { logits in
            losses.withUnsafeMutableBufferPointer { losses in
              best.withUnsafeMutableBufferPointer { best in
                labels.withUnsafeBufferPointer {
                  Kernels.crossEntropy(
                    logits: logits, losses: losses, argmax: best, labels: $0, vocabulary: vocabulary,
                    gradientScale: scale)
                }
              }
            }
          }
        }
        let gradient = run(0.25)
        let kept = run(nil)
        return (losses, gradient, best, kept)
      }
      #expect(bits(kept) == bits(logits))
      for i in 0..<n {
        let row = logits[i * vocabulary..<(i + 1) * vocabulary].map(Double.init)
        let most = row.max() ?? 0
        let total = row.reduce(0) { $0 + exp($1 - most) }
        let label = Int(labels[i])
        #expect(abs(Double(losses[i]) - (log(total) + most - row[label])) <= 64 * eps)
        #expect(Int(best[i]) == row.firstIndex(of: most))
        let exact: [Double] = row.enumerated().map { (j, x) in 0.25 * (exp(x - most) / total - (j == label ? 1 : 0)) }
        let found = Array(gradient[i * vocabulary..<(i + 1) * vocabulary])
        #expect(excess(found, exact) { _ in 24 * eps } <= 1)
      }
    }

    @Test("a logit of minus infinity counts for nothing, wherever it is", arguments: KernelSet.supported)
    func impossibleTokens(set: String) throws {
      let (impossible, vocabulary) = (2000, 3000)
      var logits = [Float](repeating: -.infinity, count: vocabulary)
      for i in impossible..<vocabulary { logits[i] = 2 }
      let labels = [Int32(impossible)]
      let (gradient, loss) = try with(set) {
        var loss: Float = .nan
        let gradient = filled(vocabulary, logits) { logits in
          withUnsafeMutablePointer(to: &loss) { loss in
            labels.withUnsafeBufferPointer {
              Kernels.crossEntropy(
                logits: logits, losses: UnsafeMutableBufferPointer(start: loss, count: 1), labels: $0,
                vocabulary: vocabulary, gradientScale: 1)
            }
          }
        }
        return (gradient, loss)
      }
      let possible = vocabulary - impossible
      #expect(abs(loss - log(Float(possible))) <= 8 * Float(eps) * loss)
      #expect(gradient[..<impossible].allSatisfy { $0 == 0 })
      #expect(gradient[(impossible + 1)...].allSatisfy { abs($0 * Float(possible) - 1) <= 8 * Float(eps) })
    }

    @Test("a logit that is not a number makes the loss not a number", arguments: KernelSet.supported, [3, 40])
    func lossNotANumber(set: String, vocabulary: Int) throws {
      for at in [0, vocabulary / 2, vocabulary - 1] {
        var logits = [Float](repeating: 1, count: vocabulary)
        logits[at] = .nan
        let labels: [Int32] = [1]
        let loss = try with(set) {
          filled(1) { loss in
            logits.withUnsafeMutableBufferPointer { logits in
              labels.withUnsafeBufferPointer {
                Kernels.crossEntropy(
                  logits: logits, losses: loss, labels: $0, vocabulary: vocabulary, gradientScale: nil)
              }
            }
          }
        }
        #expect(loss[0].isNaN)
      }
    }
  }
}
