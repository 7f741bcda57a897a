import QPEFTAutodiff
import QPEFTKernels
import QPEFTTensor

/// Random numbers in −1 ..< 1, the same for the same site.
func random(_ shape: Shape, _ site: UInt32) -> Tensor {
  .uniform(shape, low: -1, high: 1, key: RandomKey(seed: 7, site: site))
}

/// The largest disagreement, over the inputs, between the gradient that backward claims and the slope along a random direction.
///
/// `function` makes a result from leaves; the scalar that is differentiated is the result's product with a fixed random tensor.
/// The slope is a central difference; its own error is of the order `step²` plus rounding over `step`.
func gradientError(
  _ inputs: [Tensor], step: Float = 1e-2, _ function: ([Variable]) -> Variable
) -> Double {
  func run(_ inputs: [Tensor]) -> (value: Tensor, tape: Tape, leaves: [Variable], output: Variable) {
    let tape = Tape()
    let leaves = inputs.map(tape.leaf)
    let output = function(leaves)
    return (output.value, tape, leaves, output)
  }
  let first = run(inputs)
  let weights = random(first.value.shape, 1000)
  let gradients = first.tape.backward(from: first.output, gradient: weights, to: first.leaves)
  var worst = 0.0
  for (index, input) in inputs.enumerated() {
    let direction = random(input.shape, 2000 + UInt32(index))
    func moved(_ sign: Float) -> Double {
      var inputs = inputs
      inputs[index] = input + (sign * step) * direction
      return run(inputs).value.dot(weights)
    }
    let slope = (moved(1) - moved(-1)) / Double(2 * step)
    let claim = gradients[index].map { $0.dot(direction) } ?? 0
    worst = max(worst, abs(slope - claim) / max(abs(slope), abs(claim), 1e-3))
  }
  return worst
}
