import Foundation
import QPEFTAutodiff
import QPEFTKernels
import QPEFTTensor
import Testing

@Suite("Every operation's backward is the slope of its forward", .serialized)
struct OperationGradientTests {
  let bound = 2e-3

  @Test func `sum, product and scaling`() {
    #expect(gradientError([random([5, 7], 1), random([5, 7], 2)]) { $0[0] + $0[1] * (0.5 * $0[0]) } < bound)
  }

  @Test func `product with a trained matrix`() {
    #expect(gradientError([random([5, 7], 1), random([3, 7], 2)]) { $0[0].timesTransposed($0[1]) } < bound)
  }

  @Test func `product with a frozen matrix and bias`() {
    let weight = DenseMatrix(random([9, 6], 3))
    #expect(gradientError([random([4, 6], 1)]) { $0[0].multiplied(by: weight, bias: random([9], 4)) } < bound)
  }

  @Test func `frozen matrix with a low-rank update, same input and dropped-out input`() {
    let weight = DenseMatrix(random([9, 6], 3))
    let inputs = [random([4, 6], 1), random([2, 6], 2), random([9, 2], 3), random([4, 6], 4)]
    #expect(
      gradientError(inputs) {
        $0[0].multiplied(by: weight, lowRank: $0[1], $0[2], scale: 1.5) + $0[3].multiplied(by: weight)
      } < bound)
    #expect(
      gradientError(inputs) {
        $0[0].multiplied(by: weight, lowRank: $0[1], $0[2], scale: 1.5, droppedOut: $0[3])
      } < bound)
  }

  @Test func `columns scaled by a magnitude over a norm, and a trained row added`() {
    let norm = random([7], 5) * random([7], 5) + Tensor(repeating: 1, [7])
    #expect(
      gradientError([random([5, 7], 1), random([7], 2), random([7], 3)]) {
        $0[0].scaledColumns(by: $0[1], over: norm, bias: random([7], 4)).adding(row: $0[2], scale: 1.5)
      } < bound)
  }

  @Test func `rows of a trained matrix, also where one comes twice, and a trained head`() {
    let parameter = Parameter("w", random([11, 6], 3))
    let matrix = ParameterMatrix(parameter)
    func loss() -> Variable {
      let rows = Tape().rows([4, 0, 4, 10, 7], of: matrix)
      return rows.headCrossEntropy(matrix, labels: [1, -100, 9, 4, 1], normalizer: 2)
    }
    let output = loss()
    output.tape.backward(from: output)
    let direction = random([11, 6], 4)
    let claim = parameter.gradient?.dot(direction) ?? 0
    let start = parameter.value
    let values = [Float(1e-2), -1e-2].map { step in
      parameter.value = start + step * direction
      return Double(loss().value.scalar)
    }
    let slope = (values[0] - values[1]) / 2e-2
    #expect(abs(slope - claim) < bound * abs(slope), "\(slope), \(claim)")
  }

  @Test func `dropout passes the gradient through its own mask`() {
    #expect(gradientError([random([6, 50], 1)]) { $0[0].dropout(0.3, site: 5) } < bound)
  }

  @Test func `RMS norm, input and weight`() {
    #expect(gradientError([random([5, 24], 1), random([24], 2)]) { $0[0].rmsNorm(weight: $0[1], eps: 1e-5) } < bound)
  }

  @Test func `rotary embedding`() {
    let angles = (0..<12).map { Float($0) * 0.37 }
    let table = RotationTable(
      cosine: Tensor([3, 4], angles.map { cosf($0) }), sine: Tensor([3, 4], angles.map { sinf($0) }))
    #expect(gradientError([random([3, 16], 1)]) { $0[0].rotated(by: table, head: 8) } < bound)
  }

  @Test(arguments: [1, 2, 4])
  func `attention over documents, queries grouped`(group: Int) {
    let layout = AttentionLayout(
      heads: 4, keyValueHeads: 4 / group, head: 8,
      segments: [AttentionSegment(rows: 0..<5), AttentionSegment(rows: 5..<12)])
    let width = 32 / group
    let inputs = [random([12, 32], 1), random([12, width], 2), random([12, width], 3)]
    #expect(gradientError(inputs) { $0[0].attention(keys: $0[1], values: $0[2], layout) } < bound)
  }

  @Test func `attention in bfloat16 is rounded there and back, and near that in float32`() throws {
    let layout = AttentionLayout(
      heads: 4, keyValueHeads: 2, head: 16,
      segments: [AttentionSegment(rows: 0..<41), AttentionSegment(rows: 41..<150)])
    let inputs = [random([150, 64], 1), random([150, 32], 2), random([150, 32], 3)]
    func results(_ forward: ProductArithmetic, _ backward: ProductArithmetic) throws -> [Tensor] {
      let tape = Tape()
      let leaves = inputs.map(tape.leaf)
      let output = ProductArithmetic.$current.withValue(forward) {
        leaves[0].attention(keys: leaves[1], values: leaves[2], layout)
      }
      let gradients = ProductArithmetic.$current.withValue(backward) {
        tape.backward(from: output, gradient: random([150, 64], 4), to: leaves)
      }
      return [output.value] + (try gradients.map { try #require($0) })
    }
    let exact = try results(.float32, .float32)
    let (rounded, backwardAlone) = (try results(.bfloat16, .bfloat16), try results(.float32, .bfloat16))
    #expect(backwardAlone[0].elements == exact[0].elements)
    for (a, b) in zip(rounded + backwardAlone.dropFirst(), exact + exact.dropFirst()) {
      let difference = a + -1 * b
      let error = difference.dot(difference) / b.dot(b)
      #expect(error > 1e-7 && error < 1e-4)
    }
  }

  @Test func `gated unit`() {
    #expect(gradientError([random([5, 33], 1), random([5, 33], 2)]) { $0[0].swiGLU(up: $0[1]) } < bound)
  }

  @Test func `head and cross-entropy, labelled rows alone`() {
    let head = DenseMatrix(random([50, 16], 3))
    let labels: [Int32] = [4, -100, 49, 0, -100]
    #expect(
      gradientError([random([5, 16], 1)]) { $0[0].headCrossEntropy(head, labels: labels, normalizer: 3) } < bound)
  }

  @Test(arguments: RecomputePolicy.allCases.filter { $0 != .blockInputBF16 })
  func `checkpoint gives the gradients of its body, parameters included`(policy: RecomputePolicy) {
    let weight = DenseMatrix(random([6, 6], 3))
    let parameter = Parameter("w", random([6], 4))
    func body(_ x: Variable) -> Variable {
      x.multiplied(by: weight).rmsNorm(weight: Variable(parameter, on: x.tape), eps: 1e-5).dropout(0.2, site: 1) + x
    }
    func gradients(_ function: (Variable) -> Variable) -> (Tensor?, Tensor?) {
      parameter.gradient = nil
      let tape = Tape(seed: 3, step: 9)
      let x = tape.leaf(random([4, 6], 1))
      let y = function(x)
      return (tape.backward(from: y, gradient: random([4, 6], 2), to: [x])[0], parameter.gradient)
    }
    let plain = gradients(body)
    let replayed = gradients { $0.checkpointed(policy, body) }
    #expect(plain.0 != nil && plain.0 == replayed.0)
    #expect(plain.1 != nil && plain.1 == replayed.1)
  }
}
