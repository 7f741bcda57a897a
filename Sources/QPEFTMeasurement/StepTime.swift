internal import Foundation
public import QPEFTKernels

/// How long work takes on this machine. Every kind of call that the work consists of is measured for a moment on operands of its
/// shape; what is large is measured in part. Reading from a disk is not in it.
public enum StepTime {
  /// Seconds of `work`; measuring takes up to four. Nil where the system has not the memory to measure with.
  public static func seconds(_ work: StepWork) -> Double? {
    guard hasMemory else { return nil }
    var kinds: [Kind: [(call: KernelCall, count: Int)]] = [:]
    for (call, count) in work.calls { kinds[Kind(call), default: []].append((call, count)) }
    let parts = kinds.values.compactMap { calls -> (largest: KernelCall, operations: Double)? in
      guard let largest = calls.max(by: { $0.call.operations < $1.call.operations })?.call else { return nil }
      return (largest, calls.reduce(0) { $0 + $1.call.operations * Double($1.count) })
    }
    // Everything twice, one after the other: what disturbs a kind for a moment would count for all of its calls.
    var rates = parts.map { rate($0.largest) }
    for (index, part) in parts.enumerated() { rates[index] = max(rates[index], rate(part.largest)) }
    let calls = zip(parts, rates).reduce(0.0) { $0 + $1.0.operations / $1.1 }
    let bandwidth = MemoryBandwidth.measure(megabytes: 96, seconds: 0.02).update * 1e9
    return calls + passes * Double(work.tensorBytes) / bandwidth
  }

  /// Operands, and buffers and stacks of the library for dense products, which would try without end to get them.
  private static let memory = 384 << 20

  private static var hasMemory: Bool {
    guard let address = mmap(nil, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      address != MAP_FAILED
    else { return false }
    munmap(address, memory)
    return true
  }

  /// A tensor is written once, read by what comes next, and read once more in backward, as a rule.
  private static let passes = 3.0

  /// What calls have in common whose rate is the same.
  private struct Kind: Hashable {
    var call: KernelCall

    init(_ call: KernelCall) {
      switch call {
      case .product(let storage, let rows, let columns, let isTransposed, _):
        self.call = .product(storage: storage, rows: rows, columns: columns, isTransposed: isTransposed, tokens: 0)
      case .attention(let heads, let keyValueHeads, let head, _, let isBackward):
        self.call = .attention(
          heads: heads, keyValueHeads: keyValueHeads, head: head, tokens: 0, isBackward: isBackward)
      case .dense: self.call = call
      }
    }
  }

  /// Operations a second.
  private static func rate(_ call: KernelCall) -> Double {
    let (measured, body) = work(call)
    return measured.operations / Stopwatch.best(seconds: 0.005, body)
  }

  /// The part of a call that is measured, and a body that makes it.
  private static func work(_ call: KernelCall) -> (KernelCall, () -> Void) {
    switch call {
    case .product(let storage, let rows, let columns, let isTransposed, let tokens):
      // A matrix is decoded once for so many tokens (QP_MC of the kernels); more of its rows take as long as these.
      let tokens = min(tokens, 512)
      let rows = min(rows, max(64, 6_000_000 / columns))
      let matrix = BlankMatrix(storage: storage, rows: rows, columns: columns)
      let (inputs, outputs) = isTransposed ? (rows, columns) : (columns, rows)
      let (x, y) = (Numbers(tokens * inputs), Numbers(tokens * outputs))
      let scratch = Scratch(Kernels.multiplyScratchBytes(matrix.view, n: tokens))
      let part = KernelCall.product(
        storage: storage, rows: rows, columns: columns, isTransposed: isTransposed, tokens: tokens)
      return (
        part,
        {
          if isTransposed {
            Kernels.multiplyTransposed(y.buffer, x.input, matrix.view, n: tokens, scratch: scratch.bytes)
          } else {
            Kernels.multiply(y.buffer, x.input, matrix.view, n: tokens, scratch: scratch.bytes)
          }
        }
      )
    case .dense(let m, let n, let k, let transposesA, let transposesB):
      let (a, b, c) = (Numbers(m * k), Numbers(k * n), Numbers(m * n))
      return (
        call,
        {
          Kernels.gemm(
            c.buffer, a.input, transposeA: transposesA, b.input, transposeB: transposesB, m: m, n: n, k: k)
        }
      )
    case .attention(let heads, let keyValueHeads, let head, let tokens, let isBackward):
      let tokens = min(tokens, 512)
      let shape = AttentionShape(
        heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1 / Float(head).squareRoot())
      let part = KernelCall.attention(
        heads: heads, keyValueHeads: keyValueHeads, head: head, tokens: tokens, isBackward: isBackward)
      let operands = AttentionOperands(shape, tokens: tokens)
      return (part, isBackward ? operands.backward : operands.forward)
    }
  }
}
