/// The order in which a run sees the rows of a dataset.
///
/// A batch depends on the settings and its number alone, so a run that resumes at step `n` sees what it would have seen.
/// Every epoch is a fresh permutation (Fisher-Yates, numbers drawn by SplitMix64 from seed and epoch); the last batch of
/// an epoch may be smaller.
public struct BatchSampler: Sendable {
  /// Rows of the dataset.
  public let count: Int
  /// Rows of a batch.
  public let batchSize: Int
  /// The seed of the order.
  public let seed: UInt64
  /// Whether rows are shuffled; else they come as in the file, epoch after epoch.
  public let shuffles: Bool
  private var epoch = -1
  private var order: [Int32] = []

  /// A sampler over `count` rows.
  ///
  /// - Precondition: `count` and `batchSize` are positive.
  public init(count: Int, batchSize: Int, seed: UInt64 = 0, shuffles: Bool = true) {
    precondition(count > 0 && batchSize > 0, "\(count) rows in batches of \(batchSize)")
    self.count = count
    self.batchSize = batchSize
    self.seed = seed
    self.shuffles = shuffles
  }

  /// Batches of one epoch.
  public var batchesPerEpoch: Int { (count + batchSize - 1) / batchSize }

  /// The epoch that a batch belongs to, from 0.
  public func epoch(ofBatch number: Int) -> Int { number / batchesPerEpoch }

  /// The rows of a batch, counted from 0 over all epochs. It keeps the permutation of the epoch last asked for.
  public mutating func batch(_ number: Int) -> [Int] {
    let wanted = epoch(ofBatch: number)
    let start = (number - wanted * batchesPerEpoch) * batchSize
    let range = start..<min(start + batchSize, count)
    if !shuffles { return Array(range) }
    if epoch != wanted {
      order = Self.permutation(count: count, seed: seed, epoch: wanted)
      epoch = wanted
    }
    return range.map { Int(order[$0]) }
  }

  private static func permutation(count: Int, seed: UInt64, epoch: Int) -> [Int32] {
    var state = mixed(seed &+ 0x9E37_79B9_7F4A_7C15 &* (UInt64(epoch) &+ 1))
    var order = (0..<Int32(count)).map { $0 }
    for index in stride(from: count - 1, to: 0, by: -1) {
      state &+= 0x9E37_79B9_7F4A_7C15
      let other = Int(mixed(state).multipliedFullWidth(by: UInt64(index + 1)).high)
      order.swapAt(index, other)
    }
    return order
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
