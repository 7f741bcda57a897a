/// The batches of a run: which rows each step computes.
///
/// A step depends on the settings and its number alone, so a run that resumes at step `n` sees what it would have seen. The
/// last step of an epoch may be smaller.
public struct BatchSampler: Sendable {
  /// How rows become batches.
  public enum Arrangement: Hashable, Sendable, Codable {
    /// As they come.
    case rows
    /// Rows of similar lengths together: each fifty steps' rows are sorted, cut, and the steps shuffled.
    case byLength
    /// Packed rows of at most so many tokens: what a batch size counts are then these.
    case packed(tokens: Int)
  }

  /// Rows (or packed rows) of a batch.
  public let batchSize: Int
  /// Batches of a step.
  public let batchesPerStep: Int
  /// How rows become batches.
  public let arrangement: Arrangement
  private let order: RowOrder
  private let length: @Sendable (Int) -> Int
  /// Where rows are packed: first step of each epoch that was looked at, and of the one behind.
  private var firstSteps = [0]
  private var epoch = -1
  /// Rows of the epoch looked at last, in order.
  private var rows: [Int32] = []
  /// Where each packed row begins among them, and their end; nil where nothing is packed.
  private var packedStarts: [Int]?

  /// A sampler over rows in parts; `length` tells the tokens of a row.
  ///
  /// - Precondition: there are rows, and the sizes are positive.
  public init(
    parts: [RowPart], batchSize: Int, batchesPerStep: Int = 1, seed: UInt64 = 0, shuffles: Bool = true,
    arrangement: Arrangement = .rows, length: @escaping @Sendable (Int) -> Int
  ) {
    precondition(parts.contains { $0.count > 0 } && batchSize > 0 && batchesPerStep > 0, "\(parts) by \(batchSize)")
    order = RowOrder(parts: parts, seed: seed, shuffles: shuffles)
    self.batchSize = batchSize
    self.batchesPerStep = batchesPerStep
    self.arrangement = arrangement
    self.length = length
  }

  /// The rows of each batch of a step, counted from 0 over all epochs. It keeps the epoch last asked for.
  ///
  /// - Parameter atOnce: rows (or packed rows) to compute at one time, if fewer than a batch has: batches then come in pieces.
  public mutating func batches(ofStep step: Int, atOnce: Int? = nil) -> [[Int]] {
    load(epoch: epoch(ofStep: step))
    let first = (step - steps(ofEpochs: epoch)) * batchSize * batchesPerStep
    let end = min(first + batchSize * batchesPerStep, placeCount)
    var batches: [[Int]] = []
    for start in stride(from: first, to: end, by: batchSize) {
      let batchEnd = min(start + batchSize, end)
      for place in stride(from: start, to: batchEnd, by: atOnce ?? batchSize) {
        batches.append(rows(atPlaces: place..<min(place + (atOnce ?? batchSize), batchEnd)))
      }
    }
    return batches
  }

  /// Rows, or packed rows, of the epoch at hand.
  private var placeCount: Int { packedStarts.map { $0.count - 1 } ?? rows.count }

  private func rows(atPlaces places: Range<Int>) -> [Int] {
    guard let packedStarts else { return rows[places].map(Int.init) }
    return rows[packedStarts[places.lowerBound]..<packedStarts[places.upperBound]].map(Int.init)
  }

  /// The epoch that a step belongs to, from 0.
  public mutating func epoch(ofStep step: Int) -> Int {
    if let stepsPerEpoch { return step / stepsPerEpoch }
    while firstSteps[firstSteps.count - 1] <= step { extend() }
    return (firstSteps.firstIndex { $0 > step } ?? 1) - 1
  }

  /// Steps of the first so many epochs.
  public mutating func steps(ofEpochs count: Int) -> Int {
    if let stepsPerEpoch { return stepsPerEpoch * count }
    while firstSteps.count <= count { extend() }
    return firstSteps[count]
  }

  /// Steps of every epoch; nil where packing makes epochs that differ.
  private var stepsPerEpoch: Int? {
    if case .packed = arrangement { return nil }
    return steps(ofRows: order.rowsOfEpoch)
  }

  private func steps(ofRows count: Int) -> Int {
    let rowsOfStep = batchSize * batchesPerStep
    return (count + rowsOfStep - 1) / rowsOfStep
  }

  /// Adds an epoch to those whose steps are known.
  private mutating func extend() {
    let next = firstSteps.count - 1
    load(epoch: next)
    firstSteps.append(firstSteps[next] + steps(ofRows: placeCount))
  }

  private mutating func load(epoch wanted: Int) {
    if epoch == wanted { return }
    rows = order.rows(ofEpoch: wanted)
    switch arrangement {
    case .rows: break
    case .byLength: rows = byLength(rows, wanted)
    case .packed(let tokens):
      let packed = packed(rows, tokens, wanted)
      rows = packed.flatMap(\.self)
      packedStarts = packed.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    }
    epoch = wanted
  }

  private static func cut(_ rows: [Int32], _ size: Int) -> [ArraySlice<Int32>] {
    stride(from: 0, to: rows.count, by: size).map { rows[$0..<min($0 + size, rows.count)] }
  }

  private func byLength(_ rows: [Int32], _ epoch: Int) -> [Int32] {
    let rowsOfStep = batchSize * batchesPerStep
    let sorted = Self.cut(rows, 50 * rowsOfStep).flatMap { window in
      window.enumerated().sorted { a, b in
        let (left, right) = (length(Int(a.element)), length(Int(b.element)))
        return left == right ? a.offset < b.offset : left > right
      }.map(\.element)
    }
    if !order.shuffles { return sorted }
    var steps = Self.cut(sorted, rowsOfStep)
    // A last step that is smaller stays the last, for a step takes as many rows as it can.
    let rest = steps.last.map { $0.count < rowsOfStep } == true ? steps.removeLast() : []
    let shuffled = RowOrder.permutation(count: steps.count, seed: ~order.seed, epoch: epoch).map { steps[Int($0)] }
    return shuffled.flatMap(\.self) + rest
  }

  private func packed(_ rows: [Int32], _ tokens: Int, _ epoch: Int) -> [[Int32]] {
    let bins = BinPacking.bestFitDecreasing(rows.map { length(Int($0)) }, capacity: tokens)
    let places =
      order.shuffles
      ? RowOrder.permutation(count: bins.count, seed: ~order.seed, epoch: epoch).map { bins[Int($0)] }
      : bins.map { $0.sorted() }.sorted { $0[0] < $1[0] }
    return places.map { $0.map { rows[$0] } }
  }
}
