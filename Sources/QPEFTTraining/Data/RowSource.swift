public import QPEFTText

/// Rows to train or evaluate on: in memory, or read from files when they are needed.
///
/// Sizes are known without reading a row; the order of a run, packing and the memory plan ask for nothing else.
public protocol RowSource: Sendable {
  /// Number of rows.
  var count: Int { get }

  /// Tokens of a row.
  func length(at index: Int) -> Int

  /// Tokens of a row that are trained, as in ``TrainingRow/trainedCount``.
  func trainedCount(at index: Int) -> Int

  /// Rows by number, in the order asked for.
  /// - Throws: `TrainingError.rowChanged` where a file is no longer what it was.
  func rows(_ indices: [Int]) throws(TrainingError) -> [TrainingRow]

  /// Throws for a row that cannot be trained: without a trained token, or with a token outside of the vocabulary.
  func check(vocabulary: Int) throws(TrainingError)

  /// Rows of the sources that these come from, in order, and how often an epoch sees them; by default one source, all rows
  /// once.
  var parts: [RowPart] { get }

  /// A number that changes where tokens or marks change.
  var fingerprint: Fingerprint { get }
}

extension RowSource {
  /// Whether there is no row.
  public var isEmpty: Bool { count == 0 }

  /// One source, all rows once an epoch.
  public var parts: [RowPart] { [RowPart(count: count)] }

  /// Tokens of all rows.
  public var tokenCount: Int { (0..<count).reduce(0) { $0 + length(at: $1) } }

  /// Trained tokens of all rows.
  public var trainedCount: Int { (0..<count).reduce(0) { $0 + trainedCount(at: $1) } }

  /// Rows of a range.
  public func rows(_ range: Range<Int>) throws(TrainingError) -> [TrainingRow] { try rows(Array(range)) }
}

/// Rows in memory.
extension [TrainingRow]: RowSource {
  /// Tokens of a row.
  public func length(at index: Int) -> Int { self[index].ids.count }

  /// Tokens of a row that are trained.
  public func trainedCount(at index: Int) -> Int { self[index].trainedCount }

  /// Rows by number.
  public func rows(_ indices: [Int]) -> [TrainingRow] { indices.map { self[$0] } }

  /// Throws for the first row that cannot be trained.
  public func check(vocabulary: Int) throws(TrainingError) {
    for (index, row) in enumerated() {
      let name = row.origin.isEmpty ? "row \(index + 1)" : row.origin
      guard row.trainedCount > 0 else { throw .noTrainedTokens(row: name) }
      if let token = row.ids.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
        throw .tokenOutside(row: name, token: token, vocabulary: vocabulary)
      }
    }
  }

  /// The fingerprint of all tokens and marks.
  public var fingerprint: Fingerprint { Fingerprint(rows: self) }
}
