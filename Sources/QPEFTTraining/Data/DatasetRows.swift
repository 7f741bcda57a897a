public import QPEFTText

/// Rows of a file, or some of them, tokenized when they are asked for.
public struct DatasetRows: RowSource {
  /// What they are rows of.
  public let dataset: TokenizedDataset
  /// Numbers of the rows taken; nil: all.
  private let chosen: [Int]?

  /// All rows of a file.
  public init(_ dataset: TokenizedDataset) { self.init(dataset, chosen: nil) }

  private init(_ dataset: TokenizedDataset, chosen: [Int]?) {
    self.dataset = dataset
    self.chosen = chosen
  }

  private func number(_ index: Int) -> Int { chosen?[index] ?? index }

  /// The first rows, at most so many.
  public func prefix(_ maximum: Int) -> DatasetRows {
    DatasetRows(dataset, chosen: (0..<min(maximum, count)).map(number))
  }

  /// Two parts of the rows: a share of them to evaluate on, which `seed` chooses, and the rest to train on.
  ///
  /// - Parameter share: above 0 and below 1; one row at least goes to either part.
  public func split(share: Double, seed: UInt64) -> (training: DatasetRows, evaluation: DatasetRows) {
    let split = BatchSampler.split(count, share: share, seed: seed)
    return (
      DatasetRows(dataset, chosen: split.rest.map(number)), DatasetRows(dataset, chosen: split.chosen.map(number))
    )
  }

  /// Number of rows.
  public var count: Int { chosen?.count ?? dataset.count }

  /// Tokens of a row.
  public func length(at index: Int) -> Int { dataset.length(at: number(index)) }

  /// Tokens of a row that are trained.
  public func trainedCount(at index: Int) -> Int { dataset.trainedCount(at: number(index)) }

  /// Rows by number, read from the file.
  public func rows(_ indices: [Int]) throws(TrainingError) -> [TrainingRow] {
    let examples: [TrainingExample]
    do { examples = try dataset.examples(at: indices.map(number)) } catch {
      throw .rowChanged(row: dataset.name, reason: error.description)
    }
    return examples.map { example in
      TrainingRow(ids: example.tokens, isTrained: example.isTrained, origin: "\(dataset.name), line \(example.line)")
    }
  }

  /// Throws where the vocabulary lacks a token of the file. Every row has a trained token, or it would not be here.
  public func check(vocabulary: Int) throws(TrainingError) {
    if Int(dataset.largestToken) >= vocabulary {
      throw .tokenOutside(row: dataset.name, token: dataset.largestToken, vocabulary: vocabulary)
    }
  }

  /// The fingerprint of the file's tokens and marks, and of the rows taken.
  public var fingerprint: Fingerprint {
    Fingerprint([dataset.digest, UInt64(count)] + (chosen ?? []).map(UInt64.init))
  }
}
