internal import QPEFTKernels
internal import QPEFTTensor
public import QPEFTText
public import QPEFTTraining

/// Rows of a file as tokens, with what is worth knowing about them.
public struct Dataset: Sendable {
  /// The rows in the order of the file, tokenized when they are asked for.
  public let rows: DatasetRows
  /// What is worth knowing before training: repeats, rows that were cut, rows that do not end.
  public let findings: DatasetFindings

  /// The file's rows as examples.
  public var tokenized: TokenizedDataset { rows.dataset }

  /// Counts: tokens, trained tokens, rows that were cut.
  public var report: DatasetReport { tokenized.report }
}

extension DatasetOptions {
  /// Rows of at most 512 tokens, of which the answers are trained.
  public static var standard: DatasetOptions { DatasetOptions(maxLength: 512) }
}

extension BaseModel {
  /// Reads a file of rows: JSON Lines, a JSON array, CSV or plain text, all also by gzip.
  ///
  /// - Parameter progress: hears how many bytes of how many are read.
  /// - Throws: `DatasetError` naming file and line.
  public func dataset(
    _ path: String, options: DatasetOptions = .standard,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(DatasetError) -> Dataset {
    let dataset = try TokenizedDataset(
      contentsOf: path, text, options, threads: KernelSet.threadCount, progress: progress)
    return Dataset(
      rows: DatasetRows(dataset), findings: DatasetFindings(dataset, toleratesBadRows: options.skipsBadRows))
  }

  /// The tokens of a text file, also by gzip, without tokens around it, in windows without overlap.
  /// - Throws: `DatasetError` where the file cannot be read or has less than two tokens.
  public func windows(ofText path: String, length: Int) throws(DatasetError) -> [TrainingRow] {
    let ids = text.tokenizer.encode(try PlainText.read(path), addSpecialTokens: false)
    guard ids.count > 1 else { throw .textTooShort(path: path) }
    return Evaluation.windows(ids, length: length)
  }

  /// A text's tokens in windows, as of a file.
  func windows(of content: String, length: Int) -> [TrainingRow] {
    Evaluation.windows(text.tokenizer.encode(content, addSpecialTokens: false), length: length)
  }
}
