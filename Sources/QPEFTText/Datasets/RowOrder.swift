/// Rows of one file among others, and how often they are seen.
public struct RowPart: Hashable, Sendable, Codable {
  /// Rows of the file.
  public var count: Int
  /// How many times an epoch sees a row of it: 1 as it is, 2 twice, 0.3 every row in about each third epoch.
  public var weight: Double

  /// A part of so many rows.
  ///
  /// - Precondition: the weight is positive and finite.
  public init(count: Int, weight: Double = 1) {
    precondition(weight > 0 && weight.isFinite, "a weight of \(weight)")
    self.count = count
    self.weight = weight
  }

  /// Rows of it that an epoch sees.
  public var rowsOfEpoch: Int { count == 0 ? 0 : max(1, Int(min(Double(count) * weight, 1e9).rounded())) }
}

/// Which rows an epoch sees, and in what order. It depends on parts, seed and epoch alone.
///
/// A part is an endless stream of its rows, in permutation after permutation; an epoch takes the next `weight · count` of
/// it, so that over the epochs all rows are seen equally often. What the epoch took is then shuffled (Fisher-Yates,
/// numbers drawn by SplitMix64).
struct RowOrder: Sendable {
  let parts: [RowPart]
  let seed: UInt64
  let shuffles: Bool

  var rowsOfEpoch: Int { parts.reduce(0) { $0 + $1.rowsOfEpoch } }

  /// Rows of an epoch by number, counted through all parts.
  func rows(ofEpoch epoch: Int) -> [Int32] {
    var rows: [Int32] = []
    rows.reserveCapacity(rowsOfEpoch)
    var first: Int32 = 0
    for (index, part) in parts.enumerated() {
      append(part, index, epoch, first, to: &rows)
      first += Int32(part.count)
    }
    if !shuffles { return rows }
    return Self.permutation(count: rows.count, seed: seed, epoch: epoch).map { rows[Int($0)] }
  }

  private func append(_ part: RowPart, _ index: Int, _ epoch: Int, _ first: Int32, to rows: inout [Int32]) {
    let wanted = part.rowsOfEpoch
    if wanted == part.count {
      rows += (0..<Int32(part.count)).map { first + $0 }
      return
    }
    let seed = Self.mixed(seed &+ UInt64(index) &+ 1)
    var place = epoch * wanted
    let end = place + wanted
    while place < end {
      let pass = place / part.count
      let range = (place - pass * part.count)..<min(part.count, end - pass * part.count)
      let order = shuffles ? Self.permutation(count: part.count, seed: seed, epoch: pass) : nil
      rows += range.map { first + (order?[$0] ?? Int32($0)) }
      place = pass * part.count + range.upperBound
    }
  }

  static func permutation(count: Int, seed: UInt64, epoch: Int) -> [Int32] {
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

extension BatchSampler {
  /// Numbers of rows in two parts, both in the order of the file: a share of `count` rows, chosen by `seed`, and the rest.
  /// Neither is empty where there are two rows.
  package static func split(_ count: Int, share: Double, seed: UInt64) -> (chosen: [Int], rest: [Int]) {
    let wanted = max(0, min(max(1, Int((Double(count) * share).rounded())), count - 1))
    let order = RowOrder.permutation(count: count, seed: seed ^ 0x5EED_0F5B_1177_0001, epoch: 0).map(Int.init)
    return (order[..<wanted].sorted(), order[wanted...].sorted())
  }
}
