internal import Foundation
public import QPEFTKernels

/// How long work takes on this machine. Every kind of call that the work consists of is measured for a moment on operands of its
/// shape; what is large is measured in part. Reading from a disk is not in it.
public enum StepTime {
  /// Seconds of `work`; measuring takes up to five. Nil where the system has not the memory to measure with.
  public static func seconds(_ work: StepWork) -> Double? {
    guard hasMemory else { return nil }
    var kinds: [Kind: [(call: KernelCall, count: Int)]] = [:]
    for (call, count) in work.calls { kinds[Kind(call), default: []].append((call, count)) }
    let parts = kinds.values.compactMap { calls -> (largest: KernelCall, operations: Double)? in
      guard let largest = calls.max(by: { $0.call.operations < $1.call.operations })?.call else { return nil }
      return (largest, calls.reduce(0) { $0 + $1.call.operations * Double($1.count) })
    }
    // Everything three times, one after the other: what disturbs a kind for a moment would count for all of its calls. The
    // middle time and not the best, which a processor does not keep up.
    var times: [[Double]] = Array(repeating: [], count: parts.count)
    var passes: [Double] = []
    for _ in 0..<3 {
      for (index, part) in parts.enumerated() { times[index] += secondsOfAnOperation(part.largest) }
      passes += secondsOfAByte()
    }
    let calls = zip(parts, times).reduce(0.0) { $0 + $1.0.operations * median($1.1) }
    return calls + passesOfATensor * Double(work.tensorBytes) * median(passes)
  }

  private static func median(_ times: [Double]) -> Double {
    let times = times.sorted()
    return (times[(times.count - 1) / 2] + times[times.count / 2]) / 2
  }

  /// Operands of the largest call that is measured, and room to spare.
  private static let memory = 384 << 20

  private static var hasMemory: Bool {
    guard let address = mmap(nil, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      address != MAP_FAILED
    else { return false }
    munmap(address, memory)
    return true
  }

  /// A tensor is written once, read by what comes next, and read once more in backward, as a rule.
  private static let passesOfATensor = 3.0

  /// What calls have in common whose rate is the same.
  private struct Kind: Hashable {
    var call: KernelCall

    init(_ call: KernelCall) {
      switch call {
      case .product(let storage, let rows, let columns, let isTransposed, _, let isBFloat16):
        self.call = .product(
          storage: storage, rows: rows, columns: columns, isTransposed: isTransposed, tokens: 0, isBFloat16: isBFloat16)
      case .attention(let heads, let keyValueHeads, let head, _, let isBackward, let isBFloat16):
        self.call = .attention(
          heads: heads, keyValueHeads: keyValueHeads, head: head, tokens: 0, isBackward: isBackward,
          isBFloat16: isBFloat16)
      case .dense: self.call = call
      }
    }
  }

  private static func secondsOfAnOperation(_ call: KernelCall) -> [Double] {
    let (measured, body) = work(call)
    return Stopwatch.times(seconds: 0.003, body).map { $0 / measured.operations }
  }

  /// Of reading it and writing it back, in memory that the caches do not hold.
  private static func secondsOfAByte() -> [Double] {
    let numbers = Numbers(12_000_000)
    let bytes = Double(2 * numbers.buffer.count * MemoryLayout<Float>.stride)
    return Stopwatch.times(seconds: 0.005) { Kernels.scale(numbers.buffer, by: 1) }.map { $0 / bytes }
  }

  /// Extents of dense operands that are measured whole.
  private static let mostOfDense = 4096

  /// The part of a call that is measured, and a body that makes it.
  private static func work(_ call: KernelCall) -> (KernelCall, () -> Void) {
    switch call {
    case .product(let storage, let rows, let columns, let isTransposed, let tokens, let isBFloat16):
      // Of more tokens, decoding a weight once for them all is a smaller part; more rows of a matrix take as long as these.
      let tokens = min(tokens, 512)
      let rows = min(rows, max(64, 6_000_000 / columns))
      let matrix = BlankMatrix(storage: storage, rows: rows, columns: columns)
      let (inputs, outputs) = isTransposed ? (rows, columns) : (columns, rows)
      let (x, y) = (Numbers(tokens * inputs), Numbers(tokens * outputs))
      let scratch = Scratch(Kernels.multiplyScratchBytes(matrix.view, n: tokens))
      let part = KernelCall.product(
        storage: storage, rows: rows, columns: columns, isTransposed: isTransposed, tokens: tokens,
        isBFloat16: isBFloat16)
      return (
        part,
        {
          if isTransposed {
            Kernels.multiplyTransposed(
              y.buffer, x.input, matrix.view, n: tokens, inBFloat16: isBFloat16, scratch: scratch.bytes)
          } else {
            Kernels.multiply(
              y.buffer, x.input, matrix.view, n: tokens, inBFloat16: isBFloat16, scratch: scratch.bytes)
          }
        }
      )
    case .dense(let m, let n, let k, let transposesA, let transposesB):
      let (m, n, k) = (min(m, mostOfDense), min(n, mostOfDense), min(k, mostOfDense))
      let (a, b, c) = (Numbers(m * k), Numbers(k * n), Numbers(m * n))
      return (
        .dense(m: m, n: n, k: k, transposesA: transposesA, transposesB: transposesB),
        {
          Kernels.gemm(
            c.buffer, a.input, transposeA: transposesA, b.input, transposeB: transposesB, m: m, n: n, k: k)
        }
      )
    case .attention(let heads, let keyValueHeads, let head, let tokens, let isBackward, let isBFloat16):
      let tokens = min(tokens, 512)
      let shape = AttentionShape(
        heads: heads, keyValueHeads: keyValueHeads, head: head, scale: 1 / Float(head).squareRoot())
      let part = KernelCall.attention(
        heads: heads, keyValueHeads: keyValueHeads, head: head, tokens: tokens, isBackward: isBackward,
        isBFloat16: isBFloat16)
      let operands = AttentionOperands(shape, tokens: tokens, inBFloat16: isBFloat16)
      return (part, isBackward ? operands.backward : operands.forward)
    }
  }
}
