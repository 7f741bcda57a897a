public import QPEFTKernels

/// Documents side by side as rows: no padding exists. Each attends to itself alone.
public struct TokenBatch: Hashable, Sendable {
  /// Token of every row.
  public private(set) var ids: [Int32] = []
  /// Position of every row in its document.
  public private(set) var positions: [Int32] = []
  /// What every row has to predict; −100: nothing.
  public private(set) var labels: [Int32] = []
  /// One segment a document.
  public private(set) var segments: [AttentionSegment] = []

  /// No documents.
  public init() {}

  /// One document without labels; row `i` is at position `firstPosition + i`, after `firstPosition` rows of a cache.
  public init(ids: [Int32], firstPosition: Int = 0) {
    self.ids = ids
    positions = ids.indices.map { Int32(firstPosition + $0) }
    labels = Array(repeating: -100, count: ids.count)
    segments = [
      AttentionSegment(queryStart: 0, queryCount: ids.count, keyStart: 0, keyCount: firstPosition + ids.count)
    ]
  }

  /// Adds a document. Row `i` has to predict token `i + 1` where that one is trained.
  public mutating func append(ids newIDs: [Int32], isTrained: [Bool]) {
    precondition(newIDs.count == isTrained.count, "\(newIDs.count) tokens, \(isTrained.count) marks")
    segments.append(AttentionSegment(rows: ids.count..<(ids.count + newIDs.count)))
    ids += newIDs
    positions += newIDs.indices.map(Int32.init)
    labels += newIDs.indices.map { $0 + 1 < newIDs.count && isTrained[$0 + 1] ? newIDs[$0 + 1] : -100 }
  }

  /// Rows.
  public var count: Int { ids.count }

  /// Rows with something to predict.
  public var trainedCount: Int { labels.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) } }
}
