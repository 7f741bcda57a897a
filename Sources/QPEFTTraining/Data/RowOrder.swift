/// Which rows each optimizer step sees: a function of seed and step alone, so a resumed run continues where it stopped.
///
/// An epoch is a permutation of all rows; a step takes the next `rowsPerStep` of them, the last step of an epoch what is left.
public struct RowOrder: Hashable, Sendable {
  /// Number of rows, and of rows for one optimizer step.
  public let rowCount, rowsPerStep: Int
  /// Whether rows are shuffled, anew for each epoch.
  public let shuffles: Bool
  /// Seed of the permutations.
  public let seed: UInt64

  /// An order of `rowCount` rows, at least one.
  public init(rowCount: Int, rowsPerStep: Int, shuffles: Bool, seed: UInt64) {
    precondition(rowCount > 0 && rowsPerStep > 0, "no order of \(rowCount) rows by \(rowsPerStep)")
    self.rowCount = rowCount
    self.rowsPerStep = rowsPerStep
    self.shuffles = shuffles
    self.seed = seed
  }

  /// Optimizer steps of one epoch; the last may be smaller.
  public var stepsPerEpoch: Int { (rowCount + rowsPerStep - 1) / rowsPerStep }

  /// Row numbers of step number `step`, counted from 0, given the permutation of its epoch.
  public func rows(ofStep step: Int, in permutation: [Int]) -> ArraySlice<Int> {
    let start = step % stepsPerEpoch * rowsPerStep
    return permutation[start..<min(start + rowsPerStep, rowCount)]
  }

  /// Row numbers of one epoch in their order.
  public func permutation(epoch: Int) -> [Int] {
    var order = Array(0..<rowCount)
    guard shuffles else { return order }
    var generator = SplitMix64(seed: seed &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(epoch + 1))
    for index in stride(from: rowCount - 1, to: 0, by: -1) {
      order.swapAt(index, Int(generator.next(below: UInt64(index + 1))))
    }
    return order
  }
}

/// The generator of Steele, Lea and Flood 2014; written out so that an order never changes with the standard library.
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number below `bound`; its bias is below 2⁻⁴⁰ for any data set that exists.
  mutating func next(below bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}
