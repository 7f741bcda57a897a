public import QPEFTLayers

/// One document to train or evaluate on: its tokens, and which of them are to be predicted.
public struct TrainingRow: Hashable, Sendable {
  /// The tokens.
  public var ids: [Int32]
  /// For each token whether it is trained. The first one never counts: nothing stands before it.
  public var isTrained: [Bool]
  /// Where it comes from, for messages, for example `train.jsonl:17`.
  public var origin: String

  /// A row of as many marks as tokens.
  public init(ids: [Int32], isTrained: [Bool], origin: String = "") {
    precondition(ids.count == isTrained.count, "\(ids.count) tokens, \(isTrained.count) marks")
    self.ids = ids
    self.isTrained = isTrained
    self.origin = origin
  }

  /// Tokens with something before them that are trained.
  public var trainedCount: Int { isTrained.dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) } }
}

extension TokenBatch {
  /// Rows of these sizes side by side, for planning: what their tokens are does not matter there.
  init(sizesOf rows: any RowSource, at indices: [Int]) {
    self.init()
    for index in indices {
      let (length, trained) = (rows.length(at: index), rows.trainedCount(at: index))
      append(
        ids: Array(repeating: 0, count: length), isTrained: (0..<length).map { $0 >= length - trained })
    }
  }

  /// Rows side by side.
  public init(_ rows: some Sequence<TrainingRow>) {
    self.init()
    for row in rows { append(ids: row.ids, isTrained: row.isTrained) }
  }
}
