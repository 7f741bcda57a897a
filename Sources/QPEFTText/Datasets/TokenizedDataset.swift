internal import Foundation

/// The rows of a file as tokens: where each stands and how long it is, 32 bytes a row. Tokens are made again when a row is
/// asked for, which costs little beside training on it; so a file may be larger than memory.
public struct TokenizedDataset: Sendable {
  /// Name of the file it was read from.
  public let name: String
  /// How rows became examples.
  public let options: DatasetOptions
  /// What was counted.
  public internal(set) var report = DatasetReport()
  /// Rows that were left out, where the options allow it; the first hundred.
  public internal(set) var rejected: [DatasetError] = []
  /// A number that changes where tokens or marks of any row change.
  public internal(set) var digest: UInt64 = 0
  /// The largest token.
  public internal(set) var largestToken: Int32 = -1
  let file: DataFile
  let chat: ChatTokenizer
  let reader: RowReader
  var notes = DatasetNotes()
  var entries: [Entry] = []

  /// Where a row stands in its file, and how many tokens it has.
  struct Entry: Sendable {
    var start: Int
    var byteCount: Int32
    var line: Int32
    var length: Int32
    var trained: Int32
    var isLast = true

    var range: Range<Int> { start..<start + Int(byteCount) }
  }

  /// Reads a file of rows: JSON Lines, a JSON array, CSV or plain text, all also by gzip. Docs/Text.md has the forms of rows.
  ///
  /// - Parameters:
  ///   - path: the file. It is mapped and read once.
  ///   - chat: the model's tokenizer and chat template.
  ///   - threads: how many cores tokenize at one time; nil for all of them. The result is the same.
  ///   - progress: hears how many bytes of how many are read.
  /// - Memory: 32 bytes a row, and while reading 8 to 16 more to find repeated rows.
  /// - Throws: ``DatasetError`` naming file and line; among them a row in which no token would be trained.
  public init(
    contentsOf path: String, _ chat: ChatTokenizer, _ options: DatasetOptions = DatasetOptions(),
    threads: Int? = nil, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(DatasetError) {
    let file = try DataFile(path: path)
    self.file = file
    self.chat = chat
    self.options = options
    name = file.name
    let scanner: RecordScanner
    (scanner, reader) = try file.withBytes { bytes throws(DatasetError) in
      var scanner = RecordScanner(bytes, file: file.name, format: file.format)
      let reader = try RowReader(bytes, &scanner, file: file.name, format: file.format, options: options)
      return (scanner, reader)
    }
    try read(from: scanner, threads: threads, progress)
    guard entries.isEmpty else { return }
    guard let first = rejected.first else { throw .empty(path: path) }
    if !options.mayLackRows { throw first }
  }

  /// Number of examples.
  public var count: Int { entries.count }

  /// Number of tokens of an example.
  public func length(at index: Int) -> Int { Int(entries[index].length) }

  /// Number of trained tokens of an example.
  public func trainedCount(at index: Int) -> Int { Int(entries[index].trained) }

  /// Line of an example in its file, from 1.
  public func line(at index: Int) -> Int { Int(entries[index].line) }

  /// One example.
  /// - Throws: `DatasetError.changed` where the file is no longer what it was.
  public func example(at index: Int) throws(DatasetError) -> TrainingExample { try examples(at: [index])[0] }

  /// Examples by number, in the order asked for.
  /// - Throws: `DatasetError.changed` where the file is no longer what it was.
  public func examples(at indices: [Int]) throws(DatasetError) -> [TrainingExample] {
    var builder = ExampleBuilder(chat, options, file: name)
    return try file.withBytes { bytes throws(DatasetError) in
      var examples: [TrainingExample] = []
      for index in indices {
        let entry = entries[index]
        let example: TrainingExample
        do { example = try self.example(entry, in: bytes, &builder).cut(to: options.maxLength) } catch {
          throw .changed(file: name, line: Int(entry.line))
        }
        guard example.tokens.count == entry.length, example.trainedCount == entry.trained else {
          throw .changed(file: name, line: Int(entry.line))
        }
        examples.append(example)
      }
      return examples
    }
  }

  /// The example of a row before truncation.
  func example(
    _ entry: Entry, in bytes: UnsafeBufferPointer<UInt8>, _ builder: inout ExampleBuilder
  ) throws(DatasetError) -> TrainingExample {
    let line = Int(entry.line)
    guard file.format == .text else {
      let row = try reader.row(bytes, RecordScanner.Record(range: entry.range, line: line))
      return try builder.example(row, line: line)
    }
    let text = try reader.text(bytes, entry.range, line: line)
    return builder.window(text, isLast: entry.isLast, line: line)
  }
}
