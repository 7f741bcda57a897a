/// The sum of a list of float32 in the order in which torch's CPU kernel adds it up, so that a mean has the same bits.
///
/// torch adds in 4 columns of 8 lanes, and those in a cascade of 4 levels (aten/src/ATen/native/cpu/SumKernel.cpp). That
/// holds for one thread on x86-64; from 32,768 elements on torch splits the list by its number of threads, and its own mean
/// then changes with that number.
package enum TorchSum {
  private static let lanes = 8
  private static let columns = 4
  private static let levels = 4

  /// The mean as `tensor.mean()` rounds it.
  package static func mean(_ values: [Float]) -> Float { sum(values) / Float(values.count) }

  /// The sum as `tensor.sum()` rounds it.
  package static func sum(_ values: [Float]) -> Float {
    values.withUnsafeBufferPointer { values in
      guard values.count >= lanes else { return rowSum(values, width: 1)[0] }
      let vectors = values.count / lanes
      let partial = rowSum(UnsafeBufferPointer(rebasing: values[..<(vectors * lanes)]), width: lanes)
      var sum: Float = 0
      for index in (vectors * lanes)..<values.count { sum += values[index] }
      for lane in partial { sum += lane }
      return sum
    }
  }

  /// Sums `width` interleaved lists.
  private static func rowSum(_ values: UnsafeBufferPointer<Float>, width: Int) -> [Float] {
    let rows = values.count / width
    let steps = rows / columns
    let stride = columns * width
    var sums = cascade(values, steps: steps, stride: stride)
    for row in (steps * columns)..<rows {
      for lane in 0..<width { sums[lane] += values[row * width + lane] }
    }
    for column in 1..<columns {
      for lane in 0..<width { sums[lane] += sums[column * width + lane] }
    }
    return Array(sums[..<width])
  }

  /// Sums `stride` interleaved lists of `steps` numbers, level by level.
  private static func cascade(_ values: UnsafeBufferPointer<Float>, steps: Int, stride: Int) -> [Float] {
    let ceilLog2 = steps <= 1 ? 0 : Int.bitWidth - (steps - 1).leadingZeroBitCount
    let power = max(4, ceilLog2 / levels)
    let step = 1 << power
    var sums = [[Float]](repeating: [Float](repeating: 0, count: stride), count: levels)
    func add(_ row: Int) { for lane in 0..<stride { sums[0][lane] += values[row * stride + lane] } }
    var row = 0
    while row + step <= steps {
      for _ in 0..<step {
        add(row)
        row += 1
      }
      for level in 1..<levels {
        for lane in 0..<stride {
          sums[level][lane] += sums[level - 1][lane]
          sums[level - 1][lane] = 0
        }
        if row & ((step - 1) << (level * power)) != 0 { break }
      }
    }
    while row < steps {
      add(row)
      row += 1
    }
    for level in 1..<levels {
      for lane in 0..<stride { sums[0][lane] += sums[level][lane] }
    }
    return sums[0]
  }
}
