import QPEFTAutodiff
import QPEFTKernels
import QPEFTTensor
import Testing

@Suite("The tape", .serialized)
struct TapeTests {
  @Test func `gradients of a parameter add up over passes`() {
    let parameter = Parameter("w", random([3, 4], 1))
    func pass() {
      let tape = Tape()
      let y = Variable(random([2, 4], 2), on: tape).timesTransposed(Variable(parameter, on: tape))
      tape.backward(from: y, gradient: random([2, 3], 3))
    }
    pass()
    let once = parameter.gradient
    pass()
    #expect(once.map { 2 * $0 } == parameter.gradient)
  }

  @Test func `a variable used twice gets both gradients`() {
    let tape = Tape()
    let x = tape.leaf(Tensor([2], [3, 4]))
    let gradient = tape.backward(from: x * x, gradient: Tensor([2], [1, 1]), to: [x])[0]
    #expect(gradient?.elements == [6, 8])
  }

  @Test func `a gradient shared by two inputs is not written through`() {
    let tape = Tape()
    let a = tape.leaf(Tensor([2], [1, 1]))
    let b = tape.leaf(Tensor([2], [1, 1]))
    let y = (a + b) + 3 * a
    let gradients = tape.backward(from: y, gradient: Tensor([2], [1, 1]), to: [a, b])
    #expect(gradients[0]?.elements == [4, 4])
    #expect(gradients[1]?.elements == [1, 1])
  }

  @Test func `inference records nothing and drops nothing`() {
    let tape = Tape(isRecording: false)
    let x = tape.leaf(random([4, 4], 1))
    let y = x.dropout(0.5, site: 1)
    #expect(!x.needsGradient && !y.needsGradient && y.value == x.value)
  }

  @Test func `a block that runs again leaves out a last product whose result nobody asks for`() {
    let (first, last) = (DenseMatrix(random([6, 4], 1)), DenseMatrix(random([4, 6], 2)))
    let meter = WorkMeter()
    WorkMeter.$current.withValue(meter) {
      let tape = Tape()
      let x = tape.leaf(random([3, 4], 3))
      let y = x.checkpointed(.blockInput) {
        let z = $0.multiplied(by: first)
        return $0 + z.swiGLU(up: z).multiplied(by: last)
      }
      tape.backward(from: y, gradient: random([3, 4], 4), to: [x])
    }
    func calls(rows: Int, columns: Int, isTransposed: Bool) -> Int {
      meter.calls.reduce(0) { sum, call in
        guard case .product(_, let theirRows, let theirColumns, let theirs, _, _) = call.key else { return sum }
        return (theirRows, theirColumns, theirs) == (rows, columns, isTransposed) ? sum + call.value : sum
      }
    }
    #expect(calls(rows: 6, columns: 4, isTransposed: false) == 2)
    #expect(calls(rows: 4, columns: 6, isTransposed: false) == 1)
    #expect(calls(rows: 6, columns: 4, isTransposed: true) == 1)
    #expect(calls(rows: 4, columns: 6, isTransposed: true) == 1)
  }

  @Test func `a dry run charges the ledger as the run itself does, and takes no memory`() {
    let weight = DenseMatrix(Tensor(repeating: 1, [64, 64], in: .weights))
    func peak(planning: Bool) -> [MemoryLedger.Account] {
      let ledger = MemoryLedger()
      MemoryLedger.$current.withValue(ledger) {
        Tensor.$isPlanning.withValue(planning) {
          let tape = Tape()
          let x = tape.leaf(Tensor(repeating: 1, [32, 64]))
          let y = x.checkpointed(.blockInput) { $0.multiplied(by: weight).swiGLU(up: $0) + $0 }.rmsNorm(
            weight: Variable(Tensor(repeating: 1, [64]), on: tape), eps: 1e-5)
          let loss = y.headCrossEntropy(weight, labels: Array(repeating: 3, count: 32), normalizer: 32)
          tape.backward(from: loss)
        }
      }
      return Room.allCases.map { ledger[$0] } + [ledger.total]
    }
    let run = peak(planning: false)
    #expect(run == peak(planning: true))
    #expect(run[Room.activations.rawValue].peak > 32 * 64 * 4 * 2)
    #expect(run.allSatisfy { $0.current == 0 })
  }
}
